//! A tenant, and callers who act for it.

use crate::clock::ManualClock;
use async_trait::async_trait;
use contracts::identity::{Caller, Identity, IdentityError, KeyKind, Settings, Tenant};
use std::sync::Arc;
use types::{Clock, SeededEntropy, TenantId};

/// The id of a tenant that is created when tests happen: the same for the same number, another for another.
pub fn tenant_id(number: u64) -> TenantId {
    TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(number))
}

/// The tenant number 0, with the default settings.
pub fn tenant() -> Tenant {
    let created = ManualClock::new().now();
    Tenant { id: tenant_id(0), name: "test".to_owned(), created, settings: Settings::default() }
}

/// A caller who shows a secret test key of the tenant.
pub fn caller(tenant: &Tenant) -> Caller {
    Caller { tenant: Arc::new(tenant.clone()), key: KeyKind::Secret, livemode: false }
}

/// An identity that knows one tenant and no key. For tests that make their callers themselves.
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
