//! An object as a decision changes it, step by step.

use crate::commit::{Index, ObjectWrite, Version};
use crate::patch;
use serde_json::Value;
use types::ObjectId;

/// An object that the decision has touched.
pub(super) struct Tracked {
    pub id: ObjectId,
    pub base: Version,
    pub version: Version,
    pub index: Index,
    /// The object's JSON, after all steps so far.
    pub state: String,
    /// The state before the last entry; `Null` before the object's creation.
    pub before: Value,
    /// Where the last entry is, if it has no event: the next step is merged into it.
    pub mergeable: Option<usize>,
}

impl Tracked {
    /// The change that the last entry records; `state` is the state after it.
    pub fn change(&self, state: impl FnOnce() -> Value) -> String {
        match &self.before {
            Value::Null => self.state.clone(),
            before => patch::between(before, &state()).map_or("{}".to_owned(), |patch| patch.to_string()),
        }
    }

    pub fn into_write(self) -> ObjectWrite {
        let Tracked { id, base, version, index, state, .. } = self;
        ObjectWrite { id, base, version, index, state }
    }
}
