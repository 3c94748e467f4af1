//! The tenant of `florin dev`.

use super::demo_key::DemoKey;
use crate::config::Config;
use crate::services::Services;
use anyhow::Context;

const NAME: &str = "Demo";

/// Creates the demo tenant unless it exists, and gives it the keys.
pub async fn ensure(config: &Config, key: &DemoKey) -> anyhow::Result<()> {
    let services = Services::new(config).await?;
    let tenant = services.ensure_tenant(&config.database, NAME).await?;
    services.identity.add_key(tenant.id, key.reveal()).await.context("the secret key cannot be used")?;
    services.identity.add_key(tenant.id, &key.publishable()).await.context("the publishable key cannot be used")?;
    Ok(())
}
