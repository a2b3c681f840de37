//! Envoy's configuration for a run: the repository's `envoy/envoy.yaml`, the very file that users copy, with
//! ports, endpoints, paths and the pool changed by name. What a test proves about it therefore holds for users.

mod edit;
mod pools;

use super::envoy::{Addresses, Configuration};
use super::patch::{self, Object};
use super::ports;
pub use crate::failure_policy::FailurePolicy;
use anyhow::{Context, Result};
pub use pools::PoolSpec;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// File of the listener that can be updated while Envoy runs, inside Envoy's own folder.
pub(super) const LISTENERS_FILE: &str = "listeners.json";
/// File of the access log, inside Envoy's own folder.
pub(super) const ACCESS_LOG_FILE: &str = "access.log";

const PICKER: &str = "plimsoll-picker";
const OBSERVER: &str = "plimsoll-observer";
const ADMIN: &str = "plimsoll-admin";

/// The folder that holds the workspace's Cargo.toml.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Writes a policy into a plugin's configuration.
pub(super) fn set_failure_policy(plugin: &mut Object, policy: FailurePolicy) {
    let (field, value) = match policy {
        FailurePolicy::Unset => return,
        FailurePolicy::Reload => ("failure_policy", json!("FAIL_RELOAD")),
        FailurePolicy::Open => ("failure_policy", json!("FAIL_OPEN")),
        FailurePolicy::OpenInFlight => ("fail_open", json!(true)),
    };
    plugin.insert(field.into(), value);
}

/// Which parts of the filter are in the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steering {
    /// As in the file: picker and observer.
    Attempt,
    /// Picker only, `observe: request`.
    Request,
    /// No wasm at all: the cluster's fallback policy balances alone.
    Off,
}

/// A configuration to start Envoy with. Ports are free ones unless set; everything else is as in the file.
#[derive(Clone, Debug)]
pub struct EnvoyConfig {
    file: Value,
    public: SocketAddr,
    dashboard: SocketAddr,
    envoy_admin: SocketAddr,
    endpoints: Option<Vec<(String, SocketAddr)>>,
    picker: Vec<Value>,
    pool: Vec<Value>,
    steering: Steering,
    wasm: PathBuf,
    dashboard_files: Option<PathBuf>,
    failure_policy: Option<FailurePolicy>,
    dynamic_listener: bool,
    access_log: bool,
    as_string: bool,
    log_level: String,
}

/// A configuration as files.
pub(super) struct Rendered {
    pub(super) bootstrap: Value,
    /// The public listener's file, if it is dynamic.
    pub(super) listeners: Option<Value>,
}

impl EnvoyConfig {
    /// Reads `envoy/envoy.yaml` of this repository.
    pub fn from_repo() -> Result<Self> {
        let root = workspace_root();
        let path = root.join("envoy/envoy.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = serde_yaml_ng::from_str(&text).with_context(|| format!("{} is not YAML", path.display()))?;
        Ok(Self {
            file,
            public: ports::free()?,
            dashboard: ports::free()?,
            envoy_admin: ports::free()?,
            endpoints: None,
            picker: Vec::new(),
            pool: Vec::new(),
            steering: Steering::Attempt,
            wasm: root.join("dist/plimsoll.wasm"),
            dashboard_files: Some(root.join("dist/dashboard")),
            failure_policy: None,
            dynamic_listener: false,
            access_log: false,
            as_string: false,
            log_level: "info".into(),
        })
    }

    /// Port of the public listener.
    pub fn public_port(mut self, port: u16) -> Self {
        self.public.set_port(port);
        self
    }

    /// Port of the private listener: dashboard and admin API.
    pub fn dashboard_port(mut self, port: u16) -> Self {
        self.dashboard.set_port(port);
        self
    }

    /// Port of Envoy's own admin.
    pub fn envoy_admin_port(mut self, port: u16) -> Self {
        self.envoy_admin.set_port(port);
        self
    }

    /// The endpoints of cluster and pool, named order-1, order-2 and so on.
    pub fn endpoints(self, addresses: &[SocketAddr]) -> Self {
        let named = addresses.iter().zip(1..).map(|(address, number)| (format!("order-{number}"), *address));
        self.named_endpoints(named.collect())
    }

    /// The endpoints of cluster and pool.
    pub fn named_endpoints(mut self, endpoints: Vec<(String, SocketAddr)>) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// Changes keys of the pool; `null` removes one. Calls add up.
    pub fn pool(mut self, changes: Value) -> Self {
        self.pool.push(changes);
        self
    }

    /// Changes keys of the picker's configuration outside the pool; `null` removes one. Calls add up.
    pub fn picker(mut self, changes: Value) -> Self {
        self.picker.push(changes);
        self
    }

    /// `observe: request`, and no observer in the cluster.
    pub fn observe_requests(mut self) -> Self {
        self.steering = Steering::Request;
        self
    }

    /// No filter, no header, no override: the fallback policy (LEAST_REQUEST) alone. The baseline of benches.
    pub fn without_wasm(mut self) -> Self {
        self.steering = Steering::Off;
        self
    }

    /// Another `.wasm` than `dist/plimsoll.wasm`.
    pub fn wasm(mut self, path: impl Into<PathBuf>) -> Self {
        self.wasm = path.into();
        self
    }

    /// Another folder with the dashboard's files than `dist/dashboard`, or none: then it is not served.
    pub fn dashboard_files(mut self, folder: Option<PathBuf>) -> Self {
        self.dashboard_files = folder;
        self
    }

    /// Another policy after a trap.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = Some(policy);
        self
    }

    /// Puts the public listener into a file of its own, so that [`Envoy::update`](super::Envoy::update) can
    /// change it while Envoy runs.
    pub fn dynamic_listener(mut self) -> Self {
        self.dynamic_listener = true;
        self
    }

    /// Writes one line per public request: status, flags, details, endpoint. For tests; it costs time.
    pub fn access_log(mut self) -> Self {
        self.access_log = true;
        self
    }

    /// Hands the filter's configurations over as JSON in a `StringValue`, as Istio does, instead of a `Struct`:
    /// Envoy unwraps the former and passes the latter on as binary protobuf.
    pub fn configuration_as_string(mut self) -> Self {
        self.as_string = true;
        self
    }

    /// Envoy's log level; `info` unless set.
    pub fn log_level(mut self, level: &str) -> Self {
        self.log_level = level.into();
        self
    }

    /// Where clients connect.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// Where the dashboard and the admin API are.
    pub fn dashboard(&self) -> SocketAddr {
        self.dashboard
    }
}

impl Configuration for EnvoyConfig {
    fn addresses(&self) -> Addresses {
        Addresses { public: self.public, dashboard: Some(self.dashboard), envoy_admin: self.envoy_admin }
    }

    fn files(&self) -> Vec<PathBuf> {
        let wasm = (self.steering != Steering::Off).then(|| self.wasm.clone());
        let page = self.dashboard_files.as_ref().map(|folder| folder.join("index.html"));
        wasm.into_iter().chain(page).collect()
    }

    fn logging(&self) -> Vec<String> {
        vec!["-l".into(), self.log_level.clone()]
    }

    fn render(&self, folder: &Path) -> Result<Rendered> {
        let mut root = self.file.clone();
        set_address(patch::at(&mut root, "/admin")?, self.envoy_admin)?;
        set_address(patch::listener(&mut root, "public")?, self.public)?;
        set_address(patch::listener(&mut root, ADMIN)?, self.dashboard)?;
        self.apply_pool(&mut root)?;
        self.apply_dashboard(&mut root)?;
        self.apply_steering(&mut root)?;
        self.apply_plugins(&mut root);
        if self.access_log {
            let manager = patch::manager(patch::listener(&mut root, "public")?)?;
            manager["access_log"] = json!([access_log(&folder.join(ACCESS_LOG_FILE))]);
        }
        let listeners = if self.dynamic_listener { Some(split_listener(&mut root, folder)?) } else { None };
        Ok(Rendered { bootstrap: root, listeners })
    }
}

impl EnvoyConfig {
    /// Endpoints and pool, in the picker's configuration and in the cluster.
    fn apply_pool(&self, root: &mut Value) -> Result<()> {
        let filters = patch::at(patch::manager(patch::listener(root, "public")?)?, "/http_filters")?;
        let picker = patch::at(patch::named(filters, PICKER)?, "/typed_config/config/configuration/value")?;
        if let Some(endpoints) = &self.endpoints {
            let list = endpoints.iter().map(|(id, address)| json!({"address": address.to_string(), "id": id}));
            patch::at(picker, "/pools/0")?["endpoints"] = list.collect();
        }
        let pool = patch::at(picker, "/pools/0")?;
        self.pool.iter().for_each(|changes| patch::merge(pool, changes));
        self.picker.iter().for_each(|changes| patch::merge(picker, changes));
        if let Some(endpoints) = &self.endpoints {
            let list = endpoints.iter().map(|(_, address)| json!({"endpoint": {"address": socket_address(*address)}}));
            let cluster = patch::cluster(root, "demo")?;
            *patch::at(cluster, "/load_assignment/endpoints/0/lb_endpoints")? = list.collect();
        }
        Ok(())
    }

    /// The paths of the dashboard's files; without a dashboard, their routes go.
    fn apply_dashboard(&self, root: &mut Value) -> Result<()> {
        let manager = patch::manager(patch::listener(root, ADMIN)?)?;
        let routes = patch::at(manager, "/route_config/virtual_hosts/0/routes")?;
        let routes = routes.as_array_mut().context("the private listener's routes are not a list")?;
        match &self.dashboard_files {
            None => routes.retain(|route| route.pointer("/direct_response/body/filename").is_none()),
            Some(folder) => {
                for route in routes {
                    let Some(path) = route.pointer_mut("/direct_response/body/filename") else { continue };
                    let name = path.as_str().and_then(|path| Path::new(path).file_name()).unwrap_or_default();
                    *path = json!(folder.join(name));
                }
            }
        }
        Ok(())
    }

    /// Code and failure policy of every plugin.
    fn apply_plugins(&self, root: &mut Value) {
        patch::each_with_key(root, "vm_config", &mut |plugin: &mut Object| {
            plugin["vm_config"]["code"]["local"]["filename"] = json!(self.wasm);
            if self.as_string {
                let text = plugin["configuration"]["value"].to_string();
                plugin["configuration"] =
                    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
            }
            let Some(policy) = self.failure_policy else { return };
            plugin.remove("fail_open");
            set_failure_policy(plugin, policy);
        });
    }

    /// Takes out the parts of the filter that are not wanted.
    fn apply_steering(&self, root: &mut Value) -> Result<()> {
        if self.steering == Steering::Attempt {
            return Ok(());
        }
        let cluster = patch::cluster(root, "demo")?;
        if self.steering == Steering::Off {
            let policy = "/load_balancing_policy/policies/0/typed_extension_config/typed_config/fallback_policy";
            let fallback = patch::at(cluster, policy)?.take();
            cluster["load_balancing_policy"] = fallback;
        }
        let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let options = patch::at(cluster, options)?;
        patch::take_named(patch::at(options, "/http_filters")?, OBSERVER)?;
        let manager = patch::manager(patch::listener(root, "public")?)?;
        let filters = patch::at(manager, "/http_filters")?;
        match self.steering {
            Steering::Request => {
                let picker = patch::named(filters, PICKER)?;
                patch::at(picker, "/typed_config/config/configuration/value/pools/0")?["observe"] = json!("request");
            }
            _ => {
                patch::take_named(filters, PICKER)?;
                manager.as_object_mut().map(|manager| manager.remove("early_header_mutation_extensions"));
                let admin = patch::manager(patch::listener(root, ADMIN)?)?;
                patch::take_named(patch::at(admin, "/http_filters")?, ADMIN)?;
                // Nothing sets the header any more, and an upstream filter chain costs time.
                let cluster = patch::cluster(root, "demo")?;
                cluster.as_object_mut().map(|cluster| cluster.remove("typed_extension_protocol_options"));
            }
        }
        Ok(())
    }
}

/// Moves the public listener into a discovery response and points the bootstrap at its file.
fn split_listener(root: &mut Value, folder: &Path) -> Result<Value> {
    let mut listener = patch::take_named(patch::at(root, "/static_resources/listeners")?, "public")?;
    listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    // Discovery wants to know who asks, also from a file.
    root["node"] = json!({"id": "bed", "cluster": "bed"});
    root["dynamic_resources"]["lds_config"] = json!({
        "resource_api_version": "V3",
        "path_config_source": {"path": folder.join(LISTENERS_FILE)},
    });
    Ok(json!({"resources": [listener]}))
}

fn set_address(place: &mut Value, address: SocketAddr) -> Result<()> {
    *patch::at(place, "/address")? = socket_address(address);
    Ok(())
}

pub(super) fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn access_log(path: &Path) -> Value {
    let line = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% \
                ms=%DURATION% host=%UPSTREAM_HOST%\n";
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"text_format_source": {"inline_string": line}},
        },
    })
}

#[cfg(test)]
mod tests;
