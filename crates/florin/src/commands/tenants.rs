//! `florin tenants create|list|admit`.

use super::Command;
use crate::administration::Administration;
use crate::arguments::{KeyPlace, WhichDatabase};
use crate::exit_code::Code;
use crate::output::{Output, shown_time, table};
use crate::services::Services;
use clap::{Args, Subcommand};
use contracts::KeyKind;
use contracts::identity::Tenant;
use platform::database::DatabaseConfig;
use serde_json::{Value, json};
use types::SystemEntropy;

/// Create and list tenants, and admit roles to their SQL views, directly in the database.
#[derive(Debug, Args)]
pub struct Tenants {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a tenant and print its keys, which are not shown again.
    Create {
        #[command(flatten)]
        database: WhichDatabase,
        name: String,
        /// Make live keys, not test keys.
        #[arg(long)]
        live: bool,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// List the tenants.
    List {
        #[command(flatten)]
        database: WhichDatabase,
    },
    /// Let a role of PostgreSQL, which must exist, read one tenant's SQL views and nothing else.
    Admit {
        #[command(flatten)]
        database: WhichDatabase,
        /// The tenant's name or id.
        tenant: String,
        /// The role's name.
        role: String,
    },
}

impl Command for Tenants {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        match &self.action {
            Action::Create { database, name, live, place } => {
                create(&database.require()?, name, *live, place, output).await?;
            }
            Action::List { database } => list(&database.require()?, output).await?,
            Action::Admit { database, tenant, role } => admit(&database.require()?, tenant, role, output).await?,
        }
        Ok(Code::Ok)
    }
}

async fn create(
    database: &DatabaseConfig,
    name: &str,
    live: bool,
    place: &KeyPlace,
    output: Output,
) -> anyhow::Result<()> {
    let mut administration = Administration::connect(database).await?;
    let work = administration.begin().await?;
    let tenant = work.create_tenant(name).await?;
    let keys = identity::new_key_pair(live, &mut SystemEntropy::new());
    for key in [keys.secret.reveal(), &keys.publishable] {
        work.add_key(&tenant, key).await?;
    }
    let shown = [(KeyKind::Secret, keys.secret.reveal()), (KeyKind::Publishable, keys.publishable.as_str())];
    // Before they are kept: a tenant whose keys were not seen is of no use.
    place.show(&tenant, &shown, describe(&tenant), None, output)?;
    work.keep().await
}

async fn list(database: &DatabaseConfig, output: Output) -> anyhow::Result<()> {
    let tenants = Services::on(database.clone()).await?.tenants(None).await?;
    let documents: Vec<Value> = tenants.iter().map(describe).collect();
    output.print(&documents, || {
        if tenants.is_empty() {
            return "no tenants yet".to_owned();
        }
        let row = |tenant: &Tenant| vec![tenant.id.to_string(), shown_time(tenant.created), tenant.name.clone()];
        table(&["ID", "CREATED", "NAME"], &tenants.iter().map(row).collect::<Vec<_>>(), &[])
    })
}

async fn admit(database: &DatabaseConfig, tenant: &str, role: &str, output: Output) -> anyhow::Result<()> {
    let mut administration = Administration::connect(database).await?;
    let work = administration.begin().await?;
    let schema = work.tenant(tenant).await?.id;
    ledger::admin::admit_analyst(&work.transaction, schema, role).await?;
    // The owner of the tables may not alter roles, so this is left to an administrator.
    let missing = ledger::admin::unlimited_analysts(&work.transaction).await?;
    work.keep().await?;
    let schema = schema.schema();
    output.print(&json!({ "role": role, "schemas": [&schema], "missing": missing }), || {
        let missing = missing.iter().map(|statement| format!("\nmissing, as the roles' owner: {statement}"));
        format!("{role} may read {schema}{}", missing.collect::<String>())
    })
}

fn describe(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id.to_string(),
        "name": tenant.name,
        "created": tenant.created.seconds(),
        "settings": tenant.settings,
    })
}
