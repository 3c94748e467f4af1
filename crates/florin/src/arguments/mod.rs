//! Groups of arguments that several commands have, and what they stand for.

mod config_file;
mod key_place;
mod which_database;
mod which_server;

pub use config_file::ConfigFile;
pub use key_place::KeyPlace;
pub use which_database::WhichDatabase;
pub use which_server::{Access, WhichServer};
