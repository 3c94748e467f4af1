//! `florin tenants create|list`.

use super::events::shown;
use crate::cli::Tenants;
use crate::exit::Code;
use crate::output::{Output, table};
use crate::services::Services;
use crate::target;
use anyhow::bail;
use contracts::identity::Tenant;
use identity::KeyPair;
use platform::database::DatabaseSettings;
use serde_json::{Value, json};
use types::SystemEntropy;

pub async fn run(command: &Tenants, output: Output) -> anyhow::Result<Code> {
    match command {
        Tenants::Create { database, name, live } => {
            let settings = target::require(database)?;
            let services = Services::on(settings.clone())?;
            if services.identity.tenant_by_name(name).await?.is_some() {
                bail!("there is a tenant named {name:?} already");
            }
            let (tenant, keys) = with_new_keys(&services, &settings, name, *live).await?;
            let mut shown = describe(&tenant);
            shown["secret_key"] = json!(keys.secret);
            shown["publishable_key"] = json!(keys.publishable);
            output.print(&shown, || {
                format!(
                    "{}  {}\nsecret key       {}\npublishable key  {}\nThe keys are not shown again.",
                    tenant.id, tenant.name, keys.secret, keys.publishable
                )
            })?;
        }
        Tenants::List { database } => {
            let tenants = Services::on(target::require(database)?)?.tenants(None).await?;
            let all: Vec<Value> = tenants.iter().map(describe).collect();
            output.print(&all, || {
                let rows: Vec<Vec<String>> = tenants
                    .iter()
                    .map(|tenant| vec![tenant.id.to_string(), shown(tenant.created), tenant.name.clone()])
                    .collect();
                if rows.is_empty() {
                    "no tenants yet".to_owned()
                } else {
                    table(&["ID", "CREATED", "NAME"], &rows, &[])
                }
            })?;
        }
    }
    Ok(Code::Ok)
}

/// A tenant with its books, created where they are missing, and a new pair of keys to it.
async fn with_new_keys(
    services: &Services,
    settings: &DatabaseSettings,
    name: &str,
    live: bool,
) -> anyhow::Result<(Tenant, KeyPair)> {
    let tenant = services.ensure_tenant(settings, name).await?;
    let keys = identity::new_key_pair(live, &mut SystemEntropy::new());
    services.identity.add_key(tenant.id, &keys.secret).await?;
    services.identity.add_key(tenant.id, &keys.publishable).await?;
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
