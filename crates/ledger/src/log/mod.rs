//! A row of the log: the entries of one commit as bytes, and the hash that ties the row to all rows before it.

pub(crate) mod entries;
pub(crate) mod hash;
