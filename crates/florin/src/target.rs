//! Which database the commands work on that go to it directly.

use crate::cli::Database;
use crate::exit::Failure;
use crate::{config, dev};
use platform::database::DatabaseSettings;

/// What is named on the command line; else the database of the configuration, else that of a running `florin dev`.
/// `None` when there is none of them.
pub fn find(target: &Database) -> anyhow::Result<Option<DatabaseSettings>> {
    if target.data.is_none() {
        let configured = config::from_process(target.config.as_deref())?.settings.database;
        if !configured.url.is_empty() || target.config.is_some() {
            return Ok(Some(configured));
        }
    }
    Ok(dev::state(target.data.as_deref())?.map(|state| DatabaseSettings {
        url: state.database_url,
        owner_url: state.database_owner_url,
        ..DatabaseSettings::default()
    }))
}

/// As [`find`], but there must be one.
pub fn require(target: &Database) -> anyhow::Result<DatabaseSettings> {
    find(target)?.ok_or_else(|| match &target.data {
        Some(directory) => Failure::unreachable(format!("no florin dev runs in {}", directory.display())),
        None => Failure::usage(
            "no database: start `florin dev`, or set database.url in florin.toml or FLORIN_DATABASE_URL, or give --config or --data",
        ),
    })
}
