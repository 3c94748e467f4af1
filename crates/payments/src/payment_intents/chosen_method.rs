//! The payment method of an intent.

use super::params::DetailParams;
use crate::payment_methods;
use api::call::Call;
use api::error::Result;
use domain::payments::payment_method::PaymentMethod;
use domain::{Changes, Versioned};

/// The payment method that the parameters name or describe.
pub async fn chosen_method(
    call: &Call,
    changes: &mut Changes,
    params: &DetailParams,
) -> Result<Option<Versioned<PaymentMethod>>> {
    let (id, data) = (params.payment_method.clone(), params.payment_method_data.clone());
    payment_methods::named_or_described(call, changes, id, data).await
}
