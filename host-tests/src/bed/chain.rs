//! Envoy's configuration for chains of any guest: one listener, one cluster, clusters for calls, and nothing that the
//! guest did not ask for. What Envoy would add on its own is switched off where that is possible.

use super::config::{FailurePolicy, LISTENERS_FILE, Rendered, set_failure_policy, socket_address};
use super::envoy::{Addresses, Configuration};
use super::ports;
use anyhow::Result;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a line of Envoy's log begins with: thread, logger, level, message.
pub const LOG_FORMAT: &str = "%t|%n|%l|%v";
/// The request header that names the endpoints to use.
pub const STEERING_HEADER: &str = "x-endpoint";
/// Name of the listener.
pub const LISTENER: &str = "public";
/// Name of the cluster behind the router.
pub const CLUSTER: &str = "endpoints";

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// One filter of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSpec {
    /// `name` and `root_id`.
    pub root_id: String,
    /// Plugins of one `vm_id`, code and VM configuration share a VM.
    pub vm_id: String,
    /// VM configuration.
    pub vm_configuration: String,
    /// Plugin configuration.
    pub configuration: String,
    /// After a trap.
    pub failure_policy: FailurePolicy,
}

/// Chains of filters around a router, and how the router behaves.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// The guest.
    pub wasm: PathBuf,
    /// Filters of the listener, in order.
    pub downstream: Vec<PluginSpec>,
    /// Filters of the cluster, in order.
    pub upstream: Vec<PluginSpec>,
    /// Members of the cluster.
    pub endpoints: Vec<SocketAddr>,
    /// Clusters that guests may call, by name.
    pub call_clusters: Vec<(String, SocketAddr)>,
    /// As Envoy's JSON for the route's action; cluster and timeouts are set already.
    pub route: Value,
    /// As Envoy's JSON for the cluster.
    pub cluster: Value,
    /// Whether the listener can be updated.
    pub dynamic_listener: bool,
    /// Level of the guests' logger.
    pub log_level: String,
    public: SocketAddr,
    envoy_admin: SocketAddr,
}

impl ChainConfig {
    /// No filters, no endpoints, free ports.
    pub fn new(wasm: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            wasm: wasm.into(),
            downstream: Vec::new(),
            upstream: Vec::new(),
            endpoints: Vec::new(),
            call_clusters: Vec::new(),
            route: json!({}),
            cluster: json!({}),
            dynamic_listener: false,
            log_level: "info".into(),
            public: ports::free()?,
            envoy_admin: ports::free()?,
        })
    }

    fn filter(&self, plugin: &PluginSpec) -> Value {
        let text = |text: &str| json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
        let mut config = json!({
            "name": plugin.root_id,
            "root_id": plugin.root_id,
            "vm_config": {
                "vm_id": plugin.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": self.wasm}},
                "configuration": text(&plugin.vm_configuration),
            },
            "configuration": text(&plugin.configuration),
        });
        if let Some(config) = config.as_object_mut() {
            set_failure_policy(config, plugin.failure_policy);
        }
        let typed =
            json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config});
        json!({"name": plugin.root_id, "typed_config": typed})
    }

    fn listener(&self) -> Value {
        let mut filters: Vec<Value> = self.downstream.iter().map(|plugin| self.filter(plugin)).collect();
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }));
        let mut action = json!({"cluster": CLUSTER, "timeout": "5s"});
        super::patch::merge(&mut action, &self.route);
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": LISTENER,
            "generate_request_id": false,
            "http_protocol_options": {"enable_trailers": true},
            "http_filters": filters,
            "route_config": {
                "name": "routes",
                "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {"name": "lost", "match": {"prefix": "/no-cluster"}, "route": {"cluster": "nowhere"}},
                        {"name": "ours", "match": {"prefix": "/"}, "route": action},
                    ],
                }],
                // A route to a cluster that is not there is one of the cases.
                "validate_clusters": false,
            },
        });
        json!({
            "name": LISTENER,
            "address": socket_address(self.public),
            "filter_chains": [{
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
            }],
        })
    }

    fn endpoint_cluster(&self) -> Value {
        let mut filters: Vec<Value> = self.upstream.iter().map(|plugin| self.filter(plugin)).collect();
        filters.push(json!({
            "name": "envoy.filters.http.upstream_codec",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            },
        }));
        let policies = "type.googleapis.com/envoy.extensions.load_balancing_policies";
        let policy = |name: &str, config: Value| {
            let name = format!("envoy.load_balancing_policies.{name}");
            json!({"policies": [{"typed_extension_config": {"name": name, "typed_config": config}}]})
        };
        let fallback = json!({"@type": format!("{policies}.round_robin.v3.RoundRobin")});
        let mut cluster = cluster(CLUSTER, &self.endpoints);
        cluster["load_balancing_policy"] = policy(
            "override_host",
            json!({
                "@type": format!("{policies}.override_host.v3.OverrideHost"),
                "override_host_sources": [{"header": STEERING_HEADER}],
                "fallback_policy": policy("round_robin", fallback),
            }),
        );
        cluster["typed_extension_protocol_options"][HTTP_OPTIONS]["http_filters"] = filters.into();
        super::patch::merge(&mut cluster, &self.cluster);
        cluster
    }
}

impl Configuration for ChainConfig {
    fn addresses(&self) -> Addresses {
        Addresses { public: self.public, dashboard: None, envoy_admin: self.envoy_admin }
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.wasm.clone()]
    }

    fn logging(&self) -> Vec<String> {
        let wasm = format!("wasm:{}", self.log_level);
        ["-l", "warn", "--component-log-level", &wasm, "--log-format", LOG_FORMAT].map(str::to_owned).to_vec()
    }

    fn render(&self, folder: &Path) -> Result<Rendered> {
        let mut clusters = vec![self.endpoint_cluster()];
        clusters.extend(self.call_clusters.iter().map(|(name, address)| cluster(name, &[*address])));
        let mut bootstrap = json!({
            "admin": {"address": socket_address(self.envoy_admin)},
            "static_resources": {"clusters": clusters},
        });
        if !self.dynamic_listener {
            bootstrap["static_resources"]["listeners"] = json!([self.listener()]);
            return Ok(Rendered { bootstrap, listeners: None });
        }
        let mut listener = self.listener();
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        // Discovery wants to know who asks, also from a file.
        bootstrap["node"] = json!({"id": "bed", "cluster": "bed"});
        bootstrap["dynamic_resources"]["lds_config"] = json!({
            "resource_api_version": "V3",
            "path_config_source": {"path": folder.join(LISTENERS_FILE)},
        });
        Ok(Rendered { bootstrap, listeners: Some(json!({"resources": [listener]})) })
    }
}

fn cluster(name: &str, endpoints: &[SocketAddr]) -> Value {
    let members = endpoints.iter().map(|address| json!({"endpoint": {"address": socket_address(*address)}}));
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "typed_extension_protocol_options": {HTTP_OPTIONS: {
            "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": members.collect::<Value>()}]},
    })
}
