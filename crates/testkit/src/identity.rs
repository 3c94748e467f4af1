//! An identity that knows one tenant and no key.

use async_trait::async_trait;
use contracts::identity::{Caller, Identity, IdentityError, Tenant};
use types::TenantId;

/// For tests that make their callers themselves.
pub struct OneTenant(pub Tenant);

#[async_trait]
impl Identity for OneTenant {
    async fn authenticate(&self, _: &str) -> Result<Option<Caller>, IdentityError> {
        Ok(None)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, IdentityError> {
        Ok(vec![self.0.clone()])
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, IdentityError> {
        Ok(Some(self.0.clone()).filter(|tenant| tenant.id == id))
    }
}
