//! Attempts as the API shows them: Florin's own, in the conventions of the others.

use crate::carry_out::ask_again;
use crate::targets::Attempts;
use api::Registry;
use api::call::Call;
use api::choice::{Choice, chosen};
use api::error::{ApiError, Result};
use api::json::Json;
use api::resource::{Audience, Expandable, Resource, Schema, reference_to_any};
use api::{object, params};
use contracts::{FieldFilter, ListQuery, Operator};
use domain::attempts::{Attempt, Conflict, Decline, Status};
use serde_json::{Value, json};
use types::ObjectId;

params! {
    pub struct FilterParams {
        /// Whether the processor contradicts what is recorded.
        pub conflict: Option<bool>,
        /// Attempts whose subject is this intent.
        pub payment_intent: Option<String>,
        pub status: Option<Choice<Status>>,
        /// The id of the object that the processor acted on.
        pub target: Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource_due::<AttemptResource, _, _>(|call, attempt| async move { ask_again(&call, attempt).await });
    registry.list::<AttemptResource, _, _, _>("/x/v1/attempts", narrow);
    registry.retrieve::<AttemptResource>("/x/v1/attempts/{id}");
}

async fn narrow(call: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    query.status = chosen(params.status).map(|status| status.as_str().to_owned());
    if let Some(id) = &params.payment_intent {
        query.parents = vec![subject(&call, "payment_intent", id).await?];
    }
    if let Some(contradicted) = params.conflict {
        let exists = FieldFilter { operator: Operator::Exists, ..FieldFilter::equal(&["conflict"], "") };
        query.fields.push(FieldFilter { negated: !contradicted, ..exists });
    }
    if let Some(id) = params.target {
        let missing = || ApiError::missing("target", &id, Some("target"));
        let target = id.parse::<ObjectId>().map_err(|_| missing())?;
        if !call.extension::<Attempts>()?.act_on(target.kind) {
            return Err(missing().into());
        }
        // An attempt's subject, its parent in the index, is the target itself or the object that the target belongs to.
        if query.parents.is_empty() {
            let stored = call.services.ledger.objects(call.tenant_id(), &[target]).await?;
            let parent = stored.into_iter().flatten().next().and_then(|stored| stored.index.parent);
            query.parents = std::iter::once(target).chain(parent).collect();
        }
        query.fields.push(FieldFilter::equal(&["target"], id));
    }
    Ok(query)
}

/// The object that a parameter names by the name of its kind.
async fn subject(call: &Call, param: &str, id: &str) -> Result<ObjectId> {
    let missing = || ApiError::missing(param, id, Some(param));
    let parsed = id.parse::<ObjectId>().ok().filter(|id| id.kind.name() == param).ok_or_else(missing)?;
    let found = call.services.ledger.objects(call.tenant_id(), &[parsed]).await?;
    Ok(found.into_iter().flatten().next().ok_or_else(missing)?.id)
}

/// `/x/v1/attempts`.
pub struct AttemptResource;

impl Resource for AttemptResource {
    type Object = Attempt;

    const PATH: &'static str = "/x/v1/attempts";
    const SCHEMA: Schema = Schema::Own(schema);
    const EXPANDABLE: &'static [Expandable] = &[reference_to_any("subject"), reference_to_any("target")];
    const PUBLIC: &'static [&'static str] = &[];
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(attempt: &'a Attempt, audience: &Audience) -> Json<'a> {
        object! {
            "id": attempt.id,
            "object": "attempt",
            "amount": attempt.amount,
            "conflict": attempt.conflict.as_ref().map(render_conflict),
            "created": attempt.created.seconds(),
            "currency": attempt.currency,
            "decline": attempt.decline.as_ref().map(render_decline),
            "livemode": audience.livemode,
            "next_query_at": attempt.due.map(|due| due.seconds()),
            "operation": attempt.operation.as_str(),
            "processor": &attempt.processor,
            "processor_reference": &attempt.reference,
            "queries": attempt.queries,
            "reverses": attempt.reverses,
            "status": attempt.status.as_str(),
            "subject": attempt.subject,
            "target": attempt.target,
        }
    }
}

/// The shape of an attempt, for the OpenAPI document.
fn schema() -> Value {
    let text = json!({ "type": "string" });
    let nullable = |kind: &str| json!({ "type": kind, "nullable": true });
    json!({
        "type": "object",
        "required": ["id", "object", "amount", "created", "currency", "operation", "processor", "status", "subject", "target"],
        "properties": {
            "id": text, "object": { "type": "string", "enum": ["attempt"] },
            "amount": { "type": "integer" }, "conflict": nullable("object"), "created": { "type": "integer", "format": "unix-time" }, "currency": text,
            "decline": nullable("object"), "livemode": { "type": "boolean" },
            "next_query_at": nullable("integer"), "operation": text, "processor": text,
            "processor_reference": nullable("string"), "queries": { "type": "integer" }, "reverses": nullable("string"), "status": text,
            "subject": text, "target": text,
        },
    })
}

fn render_conflict(conflict: &Conflict) -> Json<'_> {
    object! {
        "created": conflict.at.seconds(),
        "processor_reference": &conflict.statement.reference,
        "remedy": conflict.remedy.as_str(),
        "reversal": conflict.reversal,
        "status": conflict.statement.says.as_str(),
    }
}

fn render_decline(decline: &Decline) -> Json<'_> {
    object! { "code": &decline.code, "decline_code": &decline.decline_code, "message": &decline.message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::attempts::Operation;
    use types::{Kind, SeededEntropy, TenantId, Timestamp};

    #[test]
    fn secrets_are_not_shown() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut entropy = SeededEntropy::new(1);
        let intent = ObjectId::new(Kind::PaymentIntent, now, &mut entropy);
        let attempt: Attempt = serde_json::from_value(json!({
            "id": ObjectId::new(Kind::Attempt, now, &mut entropy), "created": now, "processor": "sandbox",
            "operation": Operation::Sale, "amount": 1, "currency": "usd", "status": Status::Started,
            "target": intent, "subject": intent, "credential": "sandbox:credential", "secret": "the-secret",
        }))
        .unwrap();
        let audience = Audience {
            tenant: TenantId::new(now, &mut SeededEntropy::new(2)),
            livemode: false,
            now,
            public: false,
            public_url: "http://localhost".into(),
        };
        let shown = Value::from(AttemptResource::render(&attempt, &audience)).to_string();
        assert!(shown.contains("\"operation\":\"sale\""), "{shown}");
        assert!(!shown.contains("credential") && !shown.contains("secret"), "{shown}");
    }
}
