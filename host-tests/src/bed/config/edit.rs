//! For what only one test needs: changes of the file itself, as with an editor.

use super::EnvoyConfig;
use serde_json::Value;

impl EnvoyConfig {
    /// Changes the configuration file, before ports, endpoints and the pool are put into it.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.file);
        self
    }
}
