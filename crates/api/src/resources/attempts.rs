//! Attempts: every request to a processor with what came of it. Florin's own, in the conventions of the others.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::json::Json;
use crate::registry::Registry;
use crate::resource::{Expandable, Resource, View, reference};
use crate::{choices, object, params};
use contracts::{FieldFilter, ListQuery};
use domain::attempt::{Attempt, Decline};
use domain::payment_intent::PaymentIntent;
use serde_json::{Value, json};
use types::{Kind, ObjectId};

/// What an attempt can be for.
const TARGETS: &[Kind] = &[Kind::PaymentIntent, Kind::SetupIntent, Kind::Charge, Kind::Refund, Kind::PaymentMethod];

params! {
    pub struct FilterParams {
        /// Those whose subject is this intent.
        pub payment_intent: Option<String>,
        pub status: Option<StatusParam>,
        /// The id of what they are for.
        pub target: Option<String>,
    }
}

choices! {
    pub enum StatusParam {
        Started = "started",
        Succeeded = "succeeded",
        Declined = "declined",
        RequiresAction = "requires_action",
        Pending = "pending",
        Unknown = "unknown",
        Canceled = "canceled",
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<Attempt>();
    registry.list::<Attempt, _, _, _>("/x/v1/attempts", narrow);
    registry.retrieve::<Attempt>("/x/v1/attempts/{id}");
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    if let Some(id) = &params.payment_intent {
        query.parents = vec![call.param_object::<PaymentIntent>("payment_intent", id).await?.id];
    }
    query.status = params.status.map(|status| status.as_str().to_owned());
    if let Some(id) = params.target {
        let target = id.parse::<ObjectId>().ok().filter(|id| TARGETS.contains(&id.kind));
        let missing = || ApiError::coded("resource_missing", format!("No such target: '{id}'")).param("target");
        let target = target.ok_or_else(missing)?;
        let filter = FieldFilter::equal(&["target"], id);
        if Attempt::is_found_by(target) {
            query.fields.push(filter.indexed());
        } else {
            if query.parents.is_empty() {
                query.parents = vec![target];
            }
            query.fields.push(filter);
        }
    }
    Ok(query)
}

impl Resource for Attempt {
    const EXPANDABLE: &'static [Expandable] = &[reference("subject", TARGETS), reference("target", TARGETS)];

    fn render(&self, view: &View) -> Json<'_> {
        object! {
            "id": self.id,
            "object": "attempt",
            "amount": self.amount,
            "created": self.created.seconds(),
            "currency": self.currency,
            "decline": self.decline.as_ref().map(render_decline),
            "livemode": view.livemode,
            "next_query_at": self.due.map(|due| due.seconds()),
            "operation": self.operation.as_str(),
            "processor": &self.processor,
            "processor_reference": &self.reference,
            "queries": self.queries,
            "status": self.status.as_str(),
            "subject": self.subject,
            "target": self.target,
        }
    }
}

/// The shape of an attempt, for the OpenAPI document.
pub fn schema() -> Value {
    let text = json!({ "type": "string" });
    let nullable = |kind: &str| json!({ "type": kind, "nullable": true });
    json!({
        "type": "object",
        "required": ["id", "object", "amount", "created", "currency", "operation", "processor", "status", "subject", "target"],
        "properties": {
            "id": text, "object": { "type": "string", "enum": ["attempt"] },
            "amount": { "type": "integer" }, "created": { "type": "integer", "format": "unix-time" }, "currency": text,
            "decline": nullable("object"), "livemode": { "type": "boolean" },
            "next_query_at": nullable("integer"), "operation": text, "processor": text,
            "processor_reference": nullable("string"), "queries": { "type": "integer" }, "status": text,
            "subject": text, "target": text,
        },
    })
}

fn render_decline(decline: &Decline) -> Json<'_> {
    object! { "code": &decline.code, "decline_code": &decline.decline_code, "message": &decline.message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Changes;
    use domain::attempt::{self, Operation};
    use types::{Currency, SeededEntropy, TenantId, Timestamp};

    #[test]
    fn never_shows_what_opens_something() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut changes = Changes::new(now, Box::new(SeededEntropy::new(1)));
        let intent = changes.new_id(Kind::PaymentIntent);
        let both = (intent, intent);
        let mut attempt =
            attempt::new(&mut changes, "sandbox", Operation::Sale, Currency::USD, both, "sandbox:credential");
        attempt.secret = Some("the-secret".to_owned());
        let view = View {
            tenant: TenantId::new(now, &mut SeededEntropy::new(2)),
            livemode: false,
            now,
            public: false,
            public_url: "http://localhost".into(),
        };
        let shown = Value::from(attempt.render(&view)).to_string();
        assert!(shown.contains("\"operation\":\"sale\""), "{shown}");
        assert!(!shown.contains("credential") && !shown.contains("secret"), "{shown}");
    }
}
