//! Objects and state machines, pure: no IO, no clock, no randomness of their own. The folders are areas; the files
//! beside them are what every area uses.

pub mod account;
pub mod attempts;
pub mod books;
pub mod changes;
pub mod commit;
pub mod contact;
pub mod named;
pub mod object;
pub mod patch;
pub mod payments;
pub mod refusal;
pub mod retries;

pub use changes::Changes;
pub use commit::{Commit, Version};
pub use named::Named;
pub use object::{Object, SqlView, Versioned};
pub use refusal::Refusal;
pub use retries::FallsDue;
