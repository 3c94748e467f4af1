//! The SQL of commits.

mod arrays;
pub(super) mod connection;
pub(super) mod read_state;
mod read_statements;
pub(super) mod was_written;
pub(super) mod write_batch;
mod write_statement;
