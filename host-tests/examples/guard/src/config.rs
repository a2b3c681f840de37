//! The configuration, in JSON. Unknown keys are errors.

use std::time::Duration;

use serde::Deserialize;

/// All of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) authority: Authority,
    /// What these are followed by in a body is a secret.
    #[serde(default)]
    pub(crate) markers: Vec<String>,
    pub(crate) audit: Audit,
}

/// Who is asked whether a request may pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authority {
    pub(crate) cluster: String,
    #[serde(default = "two_hundred")]
    pub(crate) timeout_ms: u64,
    /// What becomes of a request if nobody answers.
    pub(crate) on_error: OnError,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    Allow,
    Deny,
}

/// Who gets the records, and how often.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    pub(crate) cluster: String,
    #[serde(default = "one_thousand")]
    every_ms: u64,
}

impl Audit {
    pub(crate) fn every(&self) -> Duration {
        Duration::from_millis(self.every_ms)
    }
}

impl Config {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if config.markers.iter().any(String::is_empty) {
            return Err("an empty marker would mask every word".to_owned());
        }
        Ok(config)
    }
}

fn two_hundred() -> u64 {
    200
}

fn one_thousand() -> u64 {
    1_000
}
