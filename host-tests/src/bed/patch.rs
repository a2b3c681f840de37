//! Finding things in an Envoy configuration by name, so that the file can be reordered and commented freely.
//! Every miss is an error that names what is not there.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The listener of this name.
pub(super) fn listener<'a>(root: &'a mut Value, name: &str) -> Result<&'a mut Value> {
    named(at(root, "/static_resources/listeners")?, name)
}

/// The cluster of this name.
pub(super) fn cluster<'a>(root: &'a mut Value, name: &str) -> Result<&'a mut Value> {
    named(at(root, "/static_resources/clusters")?, name)
}

/// The HTTP connection manager of a listener with one filter chain.
pub(super) fn manager(listener: &mut Value) -> Result<&mut Value> {
    let filters = at(listener, "/filter_chains/0/filters")?;
    at(named(filters, "envoy.filters.network.http_connection_manager")?, "/typed_config")
}

/// The value at a JSON pointer.
pub(super) fn at<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    value.pointer_mut(pointer).with_context(|| format!("envoy.yaml has nothing at {pointer}"))
}

/// The element of an array whose `name` is this.
pub(super) fn named<'a>(list: &'a mut Value, name: &str) -> Result<&'a mut Value> {
    let list = list.as_array_mut().with_context(|| format!("not a list, looking for {name}"))?;
    list.iter_mut().find(|item| item["name"] == name).with_context(|| format!("envoy.yaml has no {name}"))
}

/// Takes the element of this name out of an array.
pub(super) fn take_named(list: &mut Value, name: &str) -> Result<Value> {
    let list = list.as_array_mut().with_context(|| format!("not a list, looking for {name}"))?;
    let index = list.iter().position(|item| item["name"] == name);
    index.map(|index| list.remove(index)).with_context(|| format!("envoy.yaml has no {name}"))
}

/// Calls `visit` on every object of the tree that has this key.
pub(super) fn each_with_key(value: &mut Value, key: &str, visit: &mut impl FnMut(&mut Object)) {
    match value {
        Value::Object(object) => {
            if object.contains_key(key) {
                visit(object);
            }
            object.values_mut().for_each(|inner| each_with_key(inner, key, visit));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| each_with_key(inner, key, visit)),
        _ => {}
    }
}

/// Puts `changes` over `target`, key by key and object by object; `null` removes a key.
pub(super) fn merge(target: &mut Value, changes: &Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key).or_insert(Value::Null), change);
                }
            }
        }
        (target, changes) => *target = changes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merging_replaces_adds_and_removes() {
        let mut target = json!({"a": 1, "inner": {"b": 2, "c": 3}, "list": [1, 2]});
        merge(&mut target, &json!({"inner": {"b": 5, "c": null, "d": {"e": 6}}, "list": [9]}));
        assert_eq!(target, json!({"a": 1, "inner": {"b": 5, "d": {"e": 6}}, "list": [9]}));
    }

    #[test]
    fn a_missing_name_is_told() {
        let error = named(&mut json!([{"name": "a"}]), "b").unwrap_err();
        assert_eq!(error.to_string(), "envoy.yaml has no b");
    }
}
