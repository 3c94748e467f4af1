//! All processors, by name.

use crate::processor::Processor;
use std::collections::HashMap;
use std::sync::Arc;

/// Declares the processors: each by its name, which is its section of the configuration, and the type of that section.
/// New cards go to the first of the list that the configuration switches on, and what is done with a card is done where it is.
macro_rules! processors {
    ($($(#[$doc:meta])* $name:ident: $config:ty,)*) => {
        /// The `[processors]` section of the configuration.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct ProcessorsConfig {
            $($(#[$doc])* pub $name: $config,)*
        }

        impl ProcessorsConfig {
            /// What cannot work; each problem names its key. Empty if the section can be used.
            pub fn problems(&self) -> Vec<String> {
                let mut problems = Vec::new();
                $(
                    let found = crate::ProcessorConfig::problems(&self.$name);
                    problems.extend(found.into_iter().map(|problem| format!("processors.{}.{problem}", stringify!($name))));
                )*
                problems
            }

            /// The processors that the configuration switches on.
            pub fn build(&self, surroundings: &crate::Surroundings) -> Option<crate::Processors> {
                let mut built = Vec::new();
                $(built.extend(crate::ProcessorConfig::build(&self.$name, surroundings));)*
                crate::Processors::new(built)
            }
        }
    };
}

pub(crate) use processors;

/// The processors that are configured.
#[derive(Clone)]
pub struct Processors {
    by_name: HashMap<&'static str, Arc<dyn Processor>>,
    preferred: Arc<dyn Processor>,
}

impl Processors {
    /// New cards go to the first; `None` if there is none.
    pub fn new(processors: Vec<Arc<dyn Processor>>) -> Option<Self> {
        let preferred = processors.first()?.clone();
        let by_name = processors.into_iter().map(|processor| (processor.facts().name, processor)).collect();
        Some(Processors { by_name, preferred })
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Processor>> {
        self.by_name.get(name)
    }

    /// The processor that new cards go to.
    pub fn preferred(&self) -> &Arc<dyn Processor> {
        &self.preferred
    }
}
