use super::*;

fn rendered(config: &EnvoyConfig) -> Value {
    config.render(Path::new("/somewhere")).unwrap().bootstrap
}

fn pool(root: &mut Value) -> &mut Value {
    let filters = patch::manager(patch::listener(root, "public").unwrap()).unwrap();
    let picker = patch::named(&mut filters["http_filters"], PICKER).unwrap();
    patch::at(picker, "/typed_config/config/configuration/value/pools/0").unwrap()
}

fn plugins(root: &mut Value) -> Vec<Object> {
    let mut plugins = Vec::new();
    patch::each_with_key(root, "vm_config", &mut |plugin| plugins.push(plugin.clone()));
    plugins
}

#[test]
fn pool_and_cluster_get_the_same_endpoints() {
    let addresses = [SocketAddr::from(([127, 0, 0, 1], 4001)), SocketAddr::from(([127, 0, 0, 1], 4002))];
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap().endpoints(&addresses));
    assert_eq!(
        pool(&mut root)["endpoints"],
        json!([{"address": "127.0.0.1:4001", "id": "order-1"}, {"address": "127.0.0.1:4002", "id": "order-2"}])
    );
    let cluster = patch::cluster(&mut root, "demo").unwrap();
    let hosts = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"].as_array().unwrap();
    let ports: Vec<_> = hosts
        .iter()
        .map(|host| host["endpoint"]["address"]["socket_address"]["port_value"].as_u64().unwrap())
        .collect();
    assert_eq!(ports, [4001, 4002]);
}

#[test]
fn the_file_gives_every_attempt_its_own_candidate() {
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap());
    let candidates = pool(&mut root)["candidates"].as_u64().unwrap();
    let manager = patch::manager(patch::listener(&mut root, "public").unwrap()).unwrap();
    let retries = &manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["retry_policy"]["num_retries"];
    assert_eq!(candidates, retries.as_u64().unwrap() + 1);
}

#[test]
fn the_file_lists_the_same_endpoints_in_pool_and_cluster() {
    let mut root = EnvoyConfig::from_repo().unwrap().file;
    let pool: Vec<String> = pool(&mut root)["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| endpoint["address"].as_str().unwrap().to_owned())
        .collect();
    let cluster = patch::cluster(&mut root, "demo").unwrap();
    let hosts: Vec<String> = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| &host["endpoint"]["address"]["socket_address"])
        .map(|address| format!("{}:{}", address["address"].as_str().unwrap(), address["port_value"]))
        .collect();
    assert_eq!(pool, hosts);
}

#[test]
fn the_three_roles_share_one_vm() {
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap().wasm("/x/other.wasm"));
    let plugins = plugins(&mut root);
    assert_eq!(plugins.len(), 3);
    assert!(plugins.iter().all(|plugin| plugin["vm_config"] == plugins[0]["vm_config"]));
    assert_eq!(plugins[0]["vm_config"]["code"]["local"]["filename"], "/x/other.wasm");
}

#[test]
fn only_loopback_is_bound() {
    let mut root = EnvoyConfig::from_repo().unwrap().file;
    let mut seen = 0;
    patch::each_with_key(&mut root, "socket_address", &mut |address| {
        assert_eq!(address["socket_address"]["address"], "127.0.0.1");
        seen += 1;
    });
    assert_eq!(seen, 3 + 8);
}

#[test]
fn pool_changes_add_up_and_null_removes() {
    let config = EnvoyConfig::from_repo().unwrap().pool(json!({"circuit": {"open_for": "1s"}}));
    let mut root = rendered(&config.pool(json!({"circuit": {"backoff": 2.0}, "strategy": null})));
    assert_eq!(pool(&mut root)["circuit"], json!({"open_for": "1s", "backoff": 2.0}));
    assert!(pool(&mut root).get("strategy").is_none());
}

#[test]
fn a_failure_policy_replaces_the_files_own() {
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap().failure_policy(FailurePolicy::Reload));
    for plugin in plugins(&mut root) {
        assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
        assert!(!plugin.contains_key("fail_open"));
    }
}

#[test]
fn without_wasm_only_the_fallback_is_left() {
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap().without_wasm());
    assert!(plugins(&mut root).is_empty());
    let text = root.to_string();
    assert!(!text.contains("override_host") && !text.contains("x-plimsoll-endpoint"), "{text}");
    let policy = &patch::cluster(&mut root, "demo").unwrap()["load_balancing_policy"]["policies"][0];
    assert_eq!(policy["typed_extension_config"]["name"], "envoy.load_balancing_policies.least_request");
}

#[test]
fn observing_requests_drops_the_observer() {
    let mut root = rendered(&EnvoyConfig::from_repo().unwrap().observe_requests());
    assert_eq!(pool(&mut root)["observe"], "request");
    assert!(plugins(&mut root).iter().all(|plugin| plugin["name"] != OBSERVER));
    assert!(root.to_string().contains("upstream_codec"));
}

#[test]
fn a_dynamic_listener_moves_to_its_own_file() {
    let config = EnvoyConfig::from_repo().unwrap().dynamic_listener();
    let mut rendered = config.render(Path::new("/somewhere")).unwrap();
    assert!(patch::listener(&mut rendered.bootstrap, "public").is_err());
    assert_eq!(rendered.listeners.unwrap()["resources"][0]["name"], "public");
    let path = &rendered.bootstrap["dynamic_resources"]["lds_config"]["path_config_source"]["path"];
    assert_eq!(path, "/somewhere/listeners.json");
}

#[test]
fn without_a_dashboard_no_route_reads_a_file() {
    let root = rendered(&EnvoyConfig::from_repo().unwrap().dashboard_files(None));
    assert!(!root.to_string().contains("dashboard.js"));
}

#[test]
fn a_string_configuration_is_the_same_json() {
    let config = EnvoyConfig::from_repo().unwrap();
    let mut as_struct = rendered(&config);
    let mut as_string = rendered(&config.configuration_as_string());
    for (one, other) in plugins(&mut as_struct).iter().zip(plugins(&mut as_string)) {
        let parsed: Value = serde_json::from_str(other["configuration"]["value"].as_str().unwrap()).unwrap();
        assert_eq!(one["configuration"]["value"], parsed);
    }
}
