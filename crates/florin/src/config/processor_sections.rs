//! The processors: which there are, and which section of the config belongs to each. A new processor has a section in
//! `Config`, and a line in each function here.

use super::Config;
use processors::Processors;
use processors::sandbox::Sandbox;
use std::sync::Arc;
use types::Clock;

/// What cannot work in the processors' sections; each problem names its key.
pub fn problems(config: &Config) -> Vec<String> {
    config.sandbox.problems()
}

/// The processors, each with its section.
pub fn processors(config: &Config, clock: &Arc<dyn Clock>) -> Processors {
    Processors::new(Sandbox::new(config.sandbox.clone(), Arc::clone(clock)))
}
