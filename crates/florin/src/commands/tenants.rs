//! `florin tenants create|list`.

use super::Command;
use crate::arguments::WhichDatabase;
use crate::exit_code::Code;
use crate::output::{Output, shown_time, table};
use crate::services::Services;
use anyhow::bail;
use clap::{Args, Subcommand};
use contracts::identity::Tenant;
use identity::KeyPair;
use platform::database::DatabaseConfig;
use serde_json::{Value, json};
use types::SystemEntropy;

/// Create and list tenants, directly in the database.
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
            Action::Create { database, name, live } => create(&database.require()?, name, *live, output).await?,
            Action::List { database } => list(&database.require()?, output).await?,
            Action::Admit { database, tenant, role } => admit(&database.require()?, tenant, role, output).await?,
        }
        Ok(Code::Ok)
    }
}

async fn create(database: &DatabaseConfig, name: &str, live: bool, output: Output) -> anyhow::Result<()> {
    let services = Services::on(database.clone()).await?;
    if services.identity.tenant_by_name(name).await?.is_some() {
        bail!("there is a tenant named {name:?} already");
    }
    let (tenant, keys) = with_new_keys(&services, name, live).await?;
    let (secret, publishable) = (keys.secret.reveal(), &keys.publishable);
    let mut document = describe(&tenant);
    document["secret_key"] = json!(secret);
    document["publishable_key"] = json!(publishable);
    output.print(&document, || {
        format!(
            "{}  {}\nsecret key       {secret}\npublishable key  {publishable}\nThe keys are not shown again.",
            tenant.id, tenant.name
        )
    })
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
    let tenants = Services::on(database.clone()).await?.tenants(Some(tenant)).await?;
    let mut owner = database.connect_as_owner().await?;
    for tenant in &tenants {
        ledger::admin::admit_analyst(&mut owner, tenant.id, role).await?;
    }
    // The owner of the tables may not alter roles, so this is left to an administrator.
    let missing = ledger::admin::unlimited_analysts(&owner).await?;
    let schemas: Vec<String> = tenants.iter().map(|tenant| tenant.id.schema()).collect();
    output.print(&json!({ "role": role, "schemas": schemas, "missing": missing }), || {
        let admitted = format!("{role} may read {}", schemas.join(", "));
        let missing = missing.iter().map(|statement| format!("\nmissing, as the roles' owner: {statement}"));
        admitted + &missing.collect::<String>()
    })
}

/// Creates a tenant with its books, and a new pair of keys for it.
async fn with_new_keys(services: &Services, name: &str, live: bool) -> anyhow::Result<(Tenant, KeyPair)> {
    let keys = identity::new_key_pair(live, &mut SystemEntropy::new());
    let tenant = services.ensure_tenant(name, &[keys.secret.reveal(), &keys.publishable]).await?;
    Ok((tenant, keys))
}

fn describe(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id.to_string(),
        "name": tenant.name,
        "created": tenant.created.seconds(),
        "settings": tenant.settings,
    })
}
