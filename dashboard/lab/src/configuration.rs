//! A pool's settings as the page edits them: the text of a JSON object with what differs from the defaults. The filter's own
//! reader judges it, so a mistake is told as the filter tells it.

use crate::not_played::NOT_PLAYED;
use plimsoll_engine::{PoolConfig, Strategy};
use serde_json::{Map, Value};

/// Every setting that matters here with its default.
const DEFAULTS: &str = include_str!(concat!(env!("OUT_DIR"), "/defaults.json"));

/// Reads settings for so many endpoints.
///
/// # Errors
/// One line that names key, value and what is allowed.
pub fn parse(text: &str, endpoints: usize) -> Result<PoolConfig, String> {
    let mut value = object(text)?;
    if let Some(settings) = value.as_object_mut() {
        // The filter wants to know where keys come from; here they are the scenario's.
        let keyed = |strategy: &Value| matches!(strategy.as_str(), Some("maglev" | "ring_hash" | "range"));
        if settings.get("strategy").is_some_and(keyed) && !settings.contains_key("hash_key") {
            settings.insert("hash_key".into(), Value::Array(Vec::new()));
        }
    }
    let pool = plimsoll_config::parse_rules(&value, endpoints)?;
    if pool.strategy == Strategy::Range {
        return Err("strategy: \"range\" cannot be played, whose requests lie in which range is not known here".into());
    }
    Ok(pool)
}

/// The default settings.
pub fn defaults() -> Value {
    serde_json::from_str(DEFAULTS).unwrap_or_default()
}

/// What of a pool's settings in `GET config` is not the default, as the text that a page edits.
pub fn of_live(pool: &Value) -> String {
    match (pool, defaults()) {
        (Value::Object(settings), Value::Object(defaults)) => Value::Object(beyond(settings, &defaults)).to_string(),
        _ => "{}".to_owned(),
    }
}

/// What is played and not the default. Here and below maps are built anew: taking keys out of one is 4 KiB of code.
fn beyond(settings: &Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in settings.iter().filter(|(key, _)| !NOT_PLAYED.contains(&key.as_str())) {
        match (value, defaults.get(key)) {
            (Value::Object(inner), Some(Value::Object(default))) => {
                let inner = beyond(inner, default);
                if !inner.is_empty() {
                    kept.insert(key.clone(), Value::Object(inner));
                }
            }
            (value, default) if default != Some(value) => {
                kept.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    kept
}

/// The text of a setting by its path, such as `circuit.open_for`: as it is written, else its default; `None` where there is
/// neither.
pub fn get(text: &str, path: &str) -> Option<String> {
    written(text, path).or_else(|| at(defaults(), path))
}

/// The text of a setting if it is written.
pub fn written(text: &str, path: &str) -> Option<String> {
    at(object(text).ok()?, path)
}

fn at(value: Value, path: &str) -> Option<String> {
    let value = path.split('.').try_fold(value, |mut value, key| value.get_mut(key).map(Value::take))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The settings with one of them changed: `value` is JSON, or else taken for a text, so that `5s` and `true` need no
/// quotes. An empty one goes back to its default.
///
/// # Errors
/// The text is not an object, or the path leads through something that is none.
pub fn set(text: &str, path: &str, value: &str) -> Result<String, String> {
    let Value::Object(settings) = object(text)? else { return Err(String::new()) };
    let value = value.trim();
    let new = (!value.is_empty()).then(|| serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)));
    changed(&settings, path, new).map(|settings| Value::Object(settings).to_string())
}

/// The settings with the one at this path replaced, or left out. Objects that hold nothing any more are left out too.
fn changed(settings: &Map<String, Value>, path: &str, new: Option<Value>) -> Result<Map<String, Value>, String> {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let mut all = Map::new();
    for (other, value) in settings.iter().filter(|(other, _)| *other != key) {
        all.insert(other.clone(), value.clone());
    }
    let new = match (rest, settings.get(key)) {
        (None, _) => new,
        (Some(rest), Some(Value::Object(inner))) => Some(Value::Object(changed(inner, rest, new)?)),
        (Some(rest), None) => Some(Value::Object(changed(&Map::new(), rest, new)?)),
        (Some(_), Some(_)) => return Err(format!("{key}: it is no object, so nothing is in it")),
    };
    if let Some(new) = new.filter(|new| new.as_object().is_none_or(|inner| !inner.is_empty())) {
        all.insert(key.to_owned(), new);
    }
    Ok(all)
}

fn object(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("the configuration is not an object, such as {\"strategy\":\"least_request\"}".into()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}
