//! Scenarios that come with the simulator, by name. Their text is in `sim/scenarios`, where a user finds an example for
//! nearly every key.

/// Names and YAML texts, in the order in which a list shows them.
pub const BUILT_IN: [(&str, &str); 23] = [
    ("none", include_str!("../../scenarios/none.yaml")),
    ("slow", include_str!("../../scenarios/slow.yaml")),
    ("two_slow", include_str!("../../scenarios/two_slow.yaml")),
    ("uneven", include_str!("../../scenarios/uneven.yaml")),
    ("errors", include_str!("../../scenarios/errors.yaml")),
    ("error_mix", include_str!("../../scenarios/error_mix.yaml")),
    ("hang", include_str!("../../scenarios/hang.yaml")),
    ("refuse", include_str!("../../scenarios/refuse.yaml")),
    ("flap", include_str!("../../scenarios/flap.yaml")),
    ("restart", include_str!("../../scenarios/restart.yaml")),
    ("cold_start", include_str!("../../scenarios/cold_start.yaml")),
    ("all_slow", include_str!("../../scenarios/all_slow.yaml")),
    ("shared_dependency", include_str!("../../scenarios/shared_dependency.yaml")),
    ("zipf_cold_cache", include_str!("../../scenarios/zipf_cold_cache.yaml")),
    ("restart_cold_cache", include_str!("../../scenarios/restart_cold_cache.yaml")),
    ("hundred", include_str!("../../scenarios/hundred.yaml")),
    ("wandering", include_str!("../../scenarios/wandering.yaml")),
    ("tight", include_str!("../../scenarios/tight.yaml")),
    ("bursts", include_str!("../../scenarios/bursts.yaml")),
    ("day", include_str!("../../scenarios/day.yaml")),
    ("closed_loop", include_str!("../../scenarios/closed_loop.yaml")),
    ("weights", include_str!("../../scenarios/weights.yaml")),
    ("zones", include_str!("../../scenarios/zones.yaml")),
];
