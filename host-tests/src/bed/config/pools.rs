//! Several pools in place of the file's one: each with a cluster and a route of its own, all copies of those in the
//! file, so that what the file says about retries, limits and filters holds for every pool.

use super::{EnvoyConfig, socket_address};
use crate::bed::patch;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// One of several pools; its cluster has the same name, and requests to [`PoolSpec::path`] reach it.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    /// Of pool and cluster.
    pub name: String,
    /// Name and address of each.
    pub endpoints: Vec<(String, SocketAddr)>,
    /// Changes of the pool's other keys.
    pub settings: Value,
}

impl PoolSpec {
    /// The path of requests to this pool.
    pub fn path(&self) -> String {
        format!("/{}/", self.name)
    }

    fn pool(&self, template: &Value) -> Value {
        let list = self.endpoints.iter().map(|(id, address)| json!({"address": address.to_string(), "id": id}));
        let mut pool = template.clone();
        patch::merge(
            &mut pool,
            &json!({"name": self.name, "cluster": self.name, "endpoints": list.collect::<Value>()}),
        );
        patch::merge(&mut pool, &self.settings);
        pool
    }

    fn cluster(&self, template: &Value) -> Result<Value> {
        let list = self.endpoints.iter().map(|(_, address)| json!({"endpoint": {"address": socket_address(*address)}}));
        let mut cluster = template.clone();
        cluster["name"] = json!(self.name);
        cluster["load_assignment"]["cluster_name"] = json!(self.name);
        *patch::at(&mut cluster, "/load_assignment/endpoints/0/lb_endpoints")? = list.collect();
        Ok(cluster)
    }

    fn route(&self, template: &Value) -> Value {
        let mut route = template.clone();
        route["match"] = json!({"prefix": self.path()});
        route["route"]["cluster"] = json!(self.name);
        route
    }
}

impl EnvoyConfig {
    /// Puts these pools in the place of the one in the file. The calls for that one, [`EnvoyConfig::endpoints`] and
    /// [`EnvoyConfig::pool`], have no use then.
    pub fn pools(mut self, pools: &[PoolSpec]) -> Result<Self> {
        let manager = patch::manager(patch::listener(&mut self.file, "public")?)?;
        let routes = patch::at(manager, "/route_config/virtual_hosts/0/routes")?;
        let route = routes.get(0).context("the public listener has no route")?.clone();
        *routes = pools.iter().map(|pool| pool.route(&route)).collect();

        let filters = patch::at(manager, "/http_filters")?;
        let picker =
            patch::at(patch::named(filters, super::PICKER)?, "/typed_config/config/configuration/value/pools")?;
        let template = picker.get(0).context("the picker has no pool")?.clone();
        *picker = pools.iter().map(|pool| pool.pool(&template)).collect();

        let clusters = patch::at(&mut self.file, "/static_resources/clusters")?;
        let template = patch::take_named(clusters, "demo")?;
        let clusters = clusters.as_array_mut().context("the clusters are not a list")?;
        for pool in pools {
            clusters.push(pool.cluster(&template)?);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bed::envoy::Configuration;

    fn spec(name: &str, port: u16) -> PoolSpec {
        let endpoints = vec![(format!("{name}-1"), SocketAddr::from(([127, 0, 0, 1], port)))];
        PoolSpec { name: name.into(), endpoints, settings: json!({"strategy": "random"}) }
    }

    #[test]
    fn each_pool_has_its_own_endpoints_cluster_and_route() {
        let config = EnvoyConfig::from_repo().unwrap().pools(&[spec("orders", 8001), spec("users", 8002)]).unwrap();
        let text = config.render(std::path::Path::new("/tmp")).unwrap().bootstrap;
        let resources = &text["static_resources"];
        let names: Vec<_> = resources["clusters"].as_array().unwrap().iter().map(|cluster| &cluster["name"]).collect();
        assert_eq!(names, ["orders", "users"]);
        let users = resources["clusters"][1].pointer("/load_assignment/endpoints/0/lb_endpoints").unwrap();
        assert_eq!(users.as_array().unwrap().len(), 1);
        let manager = resources["listeners"][0].pointer("/filter_chains/0/filters/0/typed_config").unwrap();
        let routes = manager.pointer("/route_config/virtual_hosts/0/routes").unwrap();
        let way = |number: usize| (&routes[number]["match"]["prefix"], &routes[number]["route"]["cluster"]);
        assert_eq!(way(0), (&json!("/orders/"), &json!("orders")));
        assert_eq!(way(1), (&json!("/users/"), &json!("users")));
        let pools = manager.pointer("/http_filters/0/typed_config/config/configuration/value/pools").unwrap();
        assert_eq!(pools[1]["endpoints"], json!([{"address": "127.0.0.1:8002", "id": "users-1"}]));
        assert_eq!(pools[1]["strategy"], "random");
    }
}
