//! Finds the customers that requests name. A deleted customer is as good as unknown.

use api::call::Call;
use api::error::{ApiError, Result};
use domain::payments::customer::Customer;
use domain::{Object, Versioned};
use types::ObjectId;

/// The customer that a parameter names.
pub async fn of_param(call: &Call, param: &str, id: &str) -> Result<Versioned<Customer>> {
    let customer = call.param_object::<Customer>(param, id).await?;
    if customer.deleted {
        return Err(ApiError::missing(Customer::NOUN, id, Some(param)).into());
    }
    Ok(customer)
}

/// The id of the customer that the parameter `customer` names, if it is given.
pub async fn id_of_param(call: &Call, id: Option<&str>) -> Result<Option<ObjectId>> {
    match id {
        Some(id) => Ok(Some(of_param(call, "customer", id).await?.id)),
        None => Ok(None),
    }
}

/// The customer in the path.
pub async fn of_path(call: &Call, name: &str) -> Result<Versioned<Customer>> {
    let customer = call.path_object::<Customer>(name).await?;
    if customer.deleted {
        return Err(ApiError::missing(Customer::NOUN, call.path_text(name), None).into());
    }
    Ok(customer)
}
