//! `florin migrate`: brings the database's schemas up to date.

use super::Command;
use crate::arguments::WhichDatabase;
use crate::exit_code::Code;
use crate::migrations;
use crate::output::Output;
use clap::Args;

/// Bring the database's schema up to date.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    database: WhichDatabase,
}

impl Command for Migrate {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let migrated = migrations::migrate(&self.database.require()?).await?;
        output.print(&migrated, || format!("the schema is up to date; tenants: {}", migrated.tenants))?;
        Ok(Code::Ok)
    }
}
