// Read by the build script, too.

/// Settings of a pool that a simulation cannot or need not play: names, what answers and requests are taken for, and
/// endpoints, which are the scenario's.
pub(crate) const NOT_PLAYED: [&str; 11] = [
    "name",
    "cluster",
    "endpoints",
    "classify",
    "observe",
    "detect_truncated",
    "hash_key",
    "sticky",
    "subset",
    "no_match",
    "ranges",
];
