//! The tenant of `florin dev`.

use super::demo_key::DemoKey;
use crate::config::Config;
use crate::services::Services;

const NAME: &str = "Demo";

/// Creates the demo tenant unless it exists, and gives it the keys.
pub async fn ensure(config: &Config, key: &DemoKey) -> anyhow::Result<()> {
    let services = Services::new(config).await?;
    services.ensure_tenant(NAME, &[key.reveal(), &key.publishable()]).await?;
    Ok(())
}
