//! What processors report of their own accord: `POST /webhooks/{processor}`.

use crate::background::background;
use crate::carry_out::{applied, apply, ask_again};
use crate::reported::Reported;
use crate::targets::Attempts;
use api::Registry;
use api::call::Call;
use api::error::{ApiError, Failure, Result};
use api::open::{OpenAnswer, OpenEndpoint, OpenRequest, path_text};
use api::services::Services;
use contracts::{Caller, KeyKind};
use domain::attempts::{Attempt, Outcome};
use http::{Method, StatusCode};
use processors::{Notice, WebhookError};
use std::sync::Arc;
use types::{Kind, ObjectId, TenantId};

const PATH: &str = "/webhooks/{processor}";
/// A processor may report many things at once.
const BODY_BYTES_MAX: usize = 256 << 10;

pub fn register(registry: &mut Registry) {
    registry.open(OpenEndpoint::new(PATH, [Method::POST], BODY_BYTES_MAX, nothing, receive));
}

fn nothing(services: &Services, path_params: &[(String, String)]) -> Option<OpenAnswer> {
    let name = path_text(path_params, "processor");
    let known = services.extension::<Attempts>().is_some_and(|attempts| attempts.processors.get(name).is_some());
    (!known).then(|| OpenAnswer::text(StatusCode::NOT_FOUND, "no such processor is configured"))
}

async fn receive(request: OpenRequest) -> OpenAnswer {
    let attempts = request.services.extension::<Attempts>();
    let Some(processor) = attempts.and_then(|attempts| attempts.processors.get(request.path_text("processor"))) else {
        return OpenAnswer::status(StatusCode::NOT_FOUND);
    };
    let notices = match processor.webhook(&request.headers, &request.body) {
        Ok(notices) => notices,
        Err(error @ WebhookError::Unsupported) => return OpenAnswer::text(StatusCode::NOT_FOUND, error.to_string()),
        Err(error @ WebhookError::Signature) => return OpenAnswer::text(StatusCode::UNAUTHORIZED, error.to_string()),
        Err(error @ WebhookError::Malformed(_)) => return OpenAnswer::text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let name = processor.facts().name;
    let mut all_taken = true;
    for notice in notices {
        let Err(failure) = take(&request.services, name, &notice).await else { continue };
        match failure {
            Failure::Conflict => {
                tracing::debug!(processor = name, attempt = notice.attempt, "is asked about right now")
            }
            failure => {
                let attempt = &notice.attempt;
                tracing::warn!(processor = name, attempt, ?failure, "a processor's notice was not applied");
            }
        }
        all_taken = false;
    }
    if !all_taken {
        // The processor sends them again; what was applied stays as it is.
        return OpenAnswer::status(StatusCode::SERVICE_UNAVAILABLE);
    }
    OpenAnswer::text(StatusCode::OK, "ok")
}

/// Applies a notice. One about an attempt that is not this processor's is taken and ignored. While another process asks the
/// processor, only an outcome that is known for good is applied; anything else is a conflict.
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
    // What is not known for good may be out of date by now: the processor is asked instead.
    match notice.outcome.clone().filter(Outcome::is_final) {
        Some(outcome) => {
            let call = background(&call, &attempt);
            applied(apply(&call, attempt.target, &Reported::of(&attempt, outcome)).await)
        }
        None if attempt.is_leased(call.now) => Err(Failure::Conflict),
        None => ask_again(&call, attempt).await,
    }
}
