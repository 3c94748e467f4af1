//! Groups of arguments that several commands have, and what they stand for.

mod config_file;
mod which_database;
mod which_server;

pub use config_file::ConfigFile;
pub use which_database::WhichDatabase;
pub use which_server::{Access, WhichServer};
