//! The tenant itself, as an account.

use api::Registry;
use api::call::Call;
use api::endpoint::Returns;
use api::error::Result;
use api::json::Json::{self, Null};
use api::object;
use api::params::NoParams;
use api::reply::Reply;
use contracts::Tenant;

pub fn register(registry: &mut Registry) {
    registry.get("/v1/account", Returns::Schema("account"), retrieve);
}

async fn retrieve(call: Call, _: NoParams) -> Result<Reply> {
    Ok(Reply::value(render(call.tenant())))
}

fn render(tenant: &Tenant) -> Json<'_> {
    let settings = &tenant.settings;
    object! {
        "id": tenant.id,
        "object": "account",
        "business_profile": object! {
            "annual_revenue": Null,
            "estimated_worker_count": Null,
            "mcc": Null,
            "minority_owned_business_designation": Null,
            "name": &tenant.name,
            "product_description": Null,
            "specified_commercial_transactions_act_url": Null,
            "support_address": Null,
            "support_email": Null,
            "support_phone": Null,
            "support_url": Null,
            "url": Null,
        },
        "business_type": Null,
        "capabilities": object! { "card_payments": "active" },
        "charges_enabled": true,
        "controller": object! { "type": "account" },
        "country": &settings.country,
        "created": tenant.created.seconds(),
        "default_currency": settings.default_currency,
        "details_submitted": true,
        "email": &settings.email,
        "metadata": object! {},
        // There are no payouts here yet.
        "payouts_enabled": false,
        "settings": object! {
            "branding": object! { "icon": Null, "logo": Null, "primary_color": Null, "secondary_color": Null },
            "card_payments": object! {
                "decline_on": object! { "avs_failure": false, "cvc_failure": false },
                "statement_descriptor_prefix": &settings.statement_descriptor,
                "statement_descriptor_prefix_kana": Null,
                "statement_descriptor_prefix_kanji": Null,
            },
            "dashboard": object! { "display_name": &tenant.name, "timezone": "Etc/UTC" },
            "payments": object! {
                "statement_descriptor": &settings.statement_descriptor,
                "statement_descriptor_kana": Null,
                "statement_descriptor_kanji": Null,
                "statement_descriptor_prefix_kana": Null,
                "statement_descriptor_prefix_kanji": Null,
            },
        },
        "type": "standard",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Settings;
    use serde_json::Value;
    use types::{SeededEntropy, TenantId, Timestamp};

    #[test]
    fn shows_the_tenant() {
        let created = Timestamp::from_seconds(1_800_000_000);
        let id = TenantId::new(created, &mut SeededEntropy::new(1));
        let tenant = Tenant { id, name: "Rosa's".to_owned(), created, settings: Settings::default() };
        let account = Value::from(render(&tenant));
        assert_eq!(account["id"], id.to_string());
        assert_eq!(account["default_currency"], "usd");
        assert_eq!(account["created"], 1_800_000_000);
        assert_eq!(account["email"], Value::Null);
    }
}
