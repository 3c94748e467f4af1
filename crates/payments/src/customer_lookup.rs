//! Finds the customers that requests name. A deleted customer is as good as unknown.

use api::call::Call;
use api::error::{ApiError, Result};
use domain::payments::customer::Customer;
use domain::{Changes, Object, Versioned};
use types::ObjectId;

/// The customer that a parameter names.
pub async fn of_param(call: &Call, param: &str, id: &str) -> Result<Versioned<Customer>> {
    let customer = call.param_object::<Customer>(param, id).await?;
    if customer.deleted {
        return Err(ApiError::missing(Customer::NOUN, id, Some(param)).into());
    }
    Ok(customer)
}

/// The customer that the parameter `customer` names, if it is given. What is decided for a customer relies on that it is not
/// deleted meanwhile.
pub async fn decided_for(call: &Call, changes: &mut Changes, id: Option<&str>) -> Result<Option<Versioned<Customer>>> {
    let Some(id) = id else { return Ok(None) };
    let customer = of_param(call, "customer", id).await?;
    changes.rely_on(&customer);
    Ok(Some(customer))
}

/// The same, if only the id matters.
pub async fn id_decided_for(call: &Call, changes: &mut Changes, id: Option<&str>) -> Result<Option<ObjectId>> {
    Ok(decided_for(call, changes, id).await?.map(|customer| customer.id))
}

/// The customer in the path.
pub async fn of_path(call: &Call, name: &str) -> Result<Versioned<Customer>> {
    let customer = call.path_object::<Customer>(name).await?;
    if customer.deleted {
        return Err(ApiError::missing(Customer::NOUN, call.path_text(name), None).into());
    }
    Ok(customer)
}
