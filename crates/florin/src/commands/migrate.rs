//! `florin migrate`: brings the database's schema up to date.

use crate::cli::Database;
use crate::exit::Code;
use crate::output::Output;
use crate::{schema, target};

pub async fn run(database: &Database, output: Output) -> anyhow::Result<Code> {
    let migrated = schema::migrate(&target::require(database)?).await?;
    output.print(&migrated, || format!("the schema is up to date; tenants: {}", migrated.tenants))?;
    Ok(Code::Ok)
}
