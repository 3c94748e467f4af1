//! The tenant of `florin dev`.

use super::demo_key::DemoKey;
use crate::administration::Administration;
use crate::config::Config;

const NAME: &str = "Demo";

/// Creates the demo tenant unless it exists, and gives it the keys.
pub async fn ensure(config: &Config, key: &DemoKey) -> anyhow::Result<()> {
    let mut administration = Administration::connect(&config.database).await?;
    administration.ensure_tenant(NAME, &[key.reveal(), &key.publishable()]).await?;
    Ok(())
}
