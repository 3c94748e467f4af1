//! Whether a payment method can be used now.

use api::call::Call;
use api::error::Result;
use attempts::processor_named;
use domain::attempts::Attempt;
use domain::payments::payment_method::{PaymentMethod, may_use_now};
use types::ObjectId;

/// Refuses a payment method whose processor is not configured here, and one that can be used once and that another intent is using at
/// this moment. `param` has named it, and `intent` is the one that is to use it, if that is not new.
pub async fn check_free(
    call: &Call,
    param: &'static str,
    method: &PaymentMethod,
    intent: Option<ObjectId>,
) -> Result<()> {
    processor_named(call, &method.processor)?;
    match call.referenced_if_any::<Attempt>(method.used_by).await? {
        Some(user) => Ok(may_use_now(method, &user, intent).map_err(|refusal| refusal.param(param))?),
        None => Ok(()),
    }
}
