//! SQL that reads, commits, verification and administration share. Each of them has a `store` of its own for the rest.

pub(crate) mod column_values;
pub(crate) mod errors;
pub(crate) mod round_trip;
pub(crate) mod rows;
pub(crate) mod session;
