//! The tenant itself, as an account.

use crate::call::Call;
use crate::error::Result;
use crate::params::NoParams;
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use contracts::Tenant;
use serde_json::{Value, json};

pub fn register(registry: &mut Registry) {
    registry.get("/v1/account", Returns::Schema("account"), retrieve);
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    Ok(Reply::value(render(call.tenant())))
}

fn render(tenant: &Tenant) -> Value {
    let settings = &tenant.settings;
    json!({
        "id": tenant.id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null,
            "estimated_worker_count": null,
            "mcc": null,
            "minority_owned_business_designation": null,
            "name": tenant.name,
            "product_description": null,
            "specified_commercial_transactions_act_url": null,
            "support_address": null,
            "support_email": null,
            "support_phone": null,
            "support_url": null,
            "url": null,
        },
        "business_type": null,
        "capabilities": { "card_payments": "active" },
        "charges_enabled": true,
        "controller": { "type": "account" },
        "country": settings.country,
        "created": tenant.created.seconds(),
        "default_currency": settings.default_currency,
        "details_submitted": true,
        "email": settings.email,
        "metadata": {},
        // There are no payouts here yet.
        "payouts_enabled": false,
        "settings": {
            "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
            "card_payments": {
                "decline_on": { "avs_failure": false, "cvc_failure": false },
                "statement_descriptor_prefix": settings.statement_descriptor,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": { "display_name": tenant.name, "timezone": "Etc/UTC" },
            "payments": {
                "statement_descriptor": settings.statement_descriptor,
                "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
        },
        "type": "standard",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Settings;
    use types::{SeededEntropy, TenantId, Timestamp};

    #[test]
    fn shows_the_tenant() {
        let created = Timestamp::from_seconds(1_800_000_000);
        let id = TenantId::new(created, &mut SeededEntropy::new(1));
        let tenant = Tenant { id, name: "Rosa's".to_owned(), created, settings: Settings::default() };
        let account = render(&tenant);
        assert_eq!(account["id"], id.to_string());
        assert_eq!(account["default_currency"], "usd");
        assert_eq!(account["created"], 1_800_000_000);
        assert_eq!(account["email"], Value::Null);
    }
}
