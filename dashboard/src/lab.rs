//! What the page knows of the lab: how it asks the worker that plays, and what that has answered. The lab itself is a module
//! of its own (`dashboard/lab`), which is loaded when somebody opens it and works out all that is shown.

use crate::model::Model;
use crate::sheet::Line;
use serde_json::Value;

/// A pool is watched at least so long before its shape is taken: rates of a moment are mostly chance.
pub const WATCHED_MS: u64 = 4_000;

/// A figure's row: its name, the verdict, then as it reads.
pub const FORM: &str = concat!(
    r#"<tr role="row" data-testid="result-row" data-s="data-figure data-verdict">"#,
    r#"<th role="rowheader" scope="row" class="figure" data-s=".">-</th>"#,
    r#"<td class="num" role="cell" data-testid="present" data-label="Present" data-s=".">-<span class="unit" data-s=".">-</span></td>"#,
    r#"<td class="num" role="cell" data-testid="changed" data-label="Changed" data-s=".">-<span class="unit" data-s=".">-</span></td>"#,
    r#"<td class="num" role="cell" data-testid="difference" data-label="Difference" data-s=".">-<span class="unit" data-s=".">-</span></td>"#,
    r#"<td role="cell" class="verdict" data-testid="verdict" data-label="So it is"><span data-s="class .">-</span></td></tr>"#,
);

/// What the worker answered last, and what it said in the beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lab {
    /// Of which fields are made; null until it is there.
    pub hello: Value,
    state: Value,
    /// What the page itself has to say.
    pub note: String,
    /// The worker does not work: why.
    pub failed: String,
}

impl Lab {
    /// Takes an answer; whether it is one to a message.
    pub fn receive(&mut self, answer: &str) -> bool {
        let mut reply = false;
        match serde_json::from_str::<Value>(answer) {
            Ok(answer) if answer["failed"].is_string() => self.failed = text(&answer["failed"]),
            Ok(answer) => {
                reply = answer["reply"].is_boolean();
                self.note = text(&answer["note"]);
                if answer["settings"].is_array() {
                    self.hello = answer.clone();
                }
                self.state = answer;
            }
            Err(_) => self.failed = "it gives answers that are no JSON".into(),
        }
        reply
    }

    /// A field's text.
    pub fn field(&self, name: &str) -> &str {
        self.state["fields"][name].as_str().unwrap_or_default()
    }

    /// A text of the answer.
    pub fn says(&self, key: &str) -> String {
        text(&self.state[key])
    }

    /// Whether the answer says so.
    pub fn holds(&self, key: &str) -> bool {
        self.state[key].as_bool().unwrap_or_default()
    }

    /// How much of the trial is played, 0 to 1000.
    pub fn permille(&self) -> u64 {
        self.state["permille"].as_u64().unwrap_or_default()
    }

    /// Texts of the answer.
    pub fn list(&self, key: &str) -> Vec<String> {
        texts(&self.state[key])
    }

    /// Nothing is wrong and nobody waits: it can be played.
    pub fn is_right(&self) -> bool {
        self.state.is_object() && self.failed.is_empty() && self.list("problems").iter().all(String::is_empty)
    }

    /// The rows of the result, for [`FORM`].
    pub fn lines(&self) -> Vec<Line> {
        let rows = self.state["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().map(texts).map(|values| Line { key: values.first().cloned().unwrap_or_default(), values }).collect()
    }
}

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Asks the worker to do something; with a text under each key.
pub fn ask(what: &str, more: &[(&str, &str)]) -> String {
    let mut message = String::from("{\"do\":");
    quote(what, &mut message);
    for (key, value) in more {
        message.push_str(",\"");
        message.push_str(key);
        message.push_str("\":");
        quote(value, &mut message);
    }
    message.push('}');
    message
}

/// The same, and the setup belongs into the address.
pub fn keep(mut message: String) -> String {
    message.pop();
    message.push_str(",\"keep\":true}");
    message
}

/// Whether a pool was watched long enough; `None` where there is no such pool.
pub fn is_known(model: &Model, name: &str) -> Option<bool> {
    let pool = model.pool(name)?;
    // A pool that nobody looked at has come without its endpoints.
    let Some(first) = pool.endpoints.first() else { return Some(false) };
    let track = model.history.pool(name).and_then(|history| history.endpoints.get(&first.id));
    let recent = track.and_then(|track| track.recent());
    Some(recent.is_some_and(|recent| recent.ms >= WATCHED_MS))
}

/// Asks the worker to take a pool's shape: two answers of the admin API as they came, and what the page has seen of rates.
pub fn take(model: &Model, name: &str, snapshot: &str, config: &str) -> String {
    let mut message = ask("live", &[("pool", name)]);
    message.pop();
    for (key, answer) in [(",\"snapshot\":", snapshot), (",\"config\":", config)] {
        message.push_str(key);
        message.push_str(answer);
    }
    let history = model.history.pool(name);
    let requests = history.and_then(|history| history.steered.recent()).map_or(0.0, |recent| recent.rate());
    message.push_str(",\"requests\":");
    whole(requests * 1e3, &mut message);
    message.push_str(",\"endpoints\":[");
    let ids =
        model.pool(name).map(|pool| pool.endpoints.iter().map(|endpoint| endpoint.id.as_str())).into_iter().flatten();
    for (place, id) in ids.enumerate() {
        let recent = history.and_then(|history| history.endpoints.get(id)?.recent()).unwrap_or_default();
        message.push_str(if place == 0 { "[" } else { ",[" });
        quote(id, &mut message);
        for value in [recent.rate() * 1e3, recent.failed().unwrap_or_default() * 1e6] {
            message.push(',');
            whole(value, &mut message);
        }
        message.push(']');
    }
    message.push_str("],\"keep\":true}");
    message
}

/// A number as JSON, without what stands after the point: the standard library's way is large.
fn whole(value: f64, message: &mut String) {
    // Saturates.
    message.push_str(&(value.round() as u64).to_string());
}

/// A text as JSON.
fn quote(text: &str, message: &mut String) {
    message.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests;
