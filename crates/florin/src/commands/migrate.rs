//! `florin migrate`: brings the database's schemas up to date.

use super::Command;
use crate::arguments::WhichDatabase;
use crate::exit_code::Code;
use crate::migrations;
use crate::output::Output;
use clap::Args;
use serde_json::json;

/// Bring the database's schema up to date.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    database: WhichDatabase,
    /// Print the SQL with which an administrator makes the roles, once, and do nothing.
    #[arg(long)]
    print_roles: bool,
}

impl Command for Migrate {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        if self.print_roles {
            let sql = ledger::admin::roles_sql();
            output.print(&json!({ "sql": sql }), || sql.clone())?;
            return Ok(Code::Ok);
        }
        let migrated = migrations::migrate(&self.database.require()?).await?;
        output.print(&migrated, || {
            let mut lines = vec![if migrated.newer.is_empty() {
                format!("the schema is up to date; tenants: {}", migrated.tenants)
            } else {
                format!("nothing was changed: {}", migrated.newer.join("; "))
            }];
            lines.extend(migrated.failed.iter().map(|failed| format!("FAILED: {failed}")));
            lines.extend(migrated.harm.iter().map(|harm| {
                format!(
                    "warning: analysts could {harm}; a superuser takes that away by the SQL of `florin migrate --print-roles`"
                )
            }));
            lines.join("\n")
        })?;
        Ok(if migrated.failed.is_empty() { Code::Ok } else { Code::Failure })
    }
}
