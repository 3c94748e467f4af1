//! Objects and state machines, pure: no IO, no clock, no randomness of their own.

pub mod account;
pub mod changes;
pub mod commit;
pub mod patch;

pub use changes::{Changes, Object, Versioned};
pub use commit::{Commit, Version};
