//! Money, currencies, ids, time: the words everything else is written in.

mod base62;
mod currency;
mod entropy;
mod event_id;
mod hex;
mod id;
mod kind;
mod money;
mod parsed;
mod time;

pub use currency::{Currency, UnknownCurrency};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use event_id::EventId;
pub use hex::hex;
pub use id::{InvalidId, ObjectId, TenantId, time_ordered};
pub use kind::Kind;
pub use money::{Money, MoneyError};
pub use time::{Clock, SystemClock, Timestamp, Untrusted};
