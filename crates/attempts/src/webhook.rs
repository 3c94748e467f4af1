//! What processors report of their own accord: `POST /webhooks/{processor}`.

use crate::carry_out::{applied, apply, ask_again};
use crate::targets::Attempts;
use api::Registry;
use api::call::Call;
use api::error::{ApiError, Failure, Result};
use api::open::{OpenAnswer, OpenRequest};
use api::services::Services;
use contracts::{Caller, KeyKind};
use domain::attempts::Attempt;
use http::{Method, StatusCode};
use processors::{Notice, WebhookError};
use std::sync::Arc;
use types::{Kind, ObjectId, TenantId};

pub fn register(registry: &mut Registry) {
    registry.open("/webhooks/{processor}", receive);
}

async fn receive(request: OpenRequest) -> OpenAnswer {
    let Some(attempts) = request.services.extension::<Attempts>() else {
        return OpenAnswer::status(StatusCode::NOT_FOUND);
    };
    let Some(processor) = attempts.processors.get(request.path_text("processor")) else {
        return OpenAnswer::text(StatusCode::NOT_FOUND, "no such processor is configured");
    };
    if request.method != Method::POST {
        return OpenAnswer::status(StatusCode::METHOD_NOT_ALLOWED);
    }
    let notices = match processor.webhook(&request.headers, &request.body) {
        Ok(notices) => notices,
        Err(error @ WebhookError::Unsupported) => return OpenAnswer::text(StatusCode::NOT_FOUND, error.to_string()),
        Err(error @ WebhookError::Signature) => return OpenAnswer::text(StatusCode::UNAUTHORIZED, error.to_string()),
        Err(error @ WebhookError::Malformed(_)) => return OpenAnswer::text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let name = processor.facts().name;
    for notice in notices {
        if let Err(failure) = take(&request.services, name, &notice).await {
            tracing::warn!(
                processor = name,
                attempt = notice.attempt,
                ?failure,
                "a processor's notice was not applied"
            );
            // The processor sends it again.
            return OpenAnswer::status(StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    OpenAnswer::text(StatusCode::OK, "ok")
}

/// Applies a notice. A notice about an attempt that is not this processor's is taken and ignored.
async fn take(services: &Arc<Services>, processor: &str, notice: &Notice) -> Result<()> {
    let tenant = notice.tenant.parse::<TenantId>().ok();
    let (Some(tenant), Some(attempt)) = (tenant, ObjectId::parse(Kind::Attempt, &notice.attempt)) else {
        return Ok(());
    };
    let Some(tenant) = services.identity.tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "a processor's notice");
        ApiError::unavailable()
    })?
    else {
        return Ok(());
    };
    let caller = Caller { tenant: Arc::new(tenant), key: KeyKind::Secret, livemode: false };
    let call = Call::background(services, &caller, None);
    let Some(attempt) = call.load::<Attempt>(attempt).await?.filter(|attempt| attempt.processor == processor) else {
        return Ok(());
    };
    let Some(outcome) = &notice.outcome else {
        return match ask_again(&call, attempt).await {
            // Another process asks at this moment.
            Err(Failure::Conflict) => Ok(()),
            result => result,
        };
    };
    let call = Call::background(services, &caller, attempt.request.as_ref());
    applied(apply(&call, attempt.id, attempt.target, outcome).await)
}
