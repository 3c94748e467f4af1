//! The SQL of commits.

mod arrays;
pub(super) mod connection;
pub(super) mod probe;
pub(super) mod read_state;
mod read_statements;
pub(super) mod settled;
pub(super) mod write_batch;
pub(super) mod write_statement;
