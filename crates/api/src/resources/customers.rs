//! Customers.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::json::Json::{self, Null};
use crate::params::{MetadataParam, NoParams, Unsettable, assign, merged_metadata};
use crate::registry::{Registry, Returns};
use crate::reply::Reply;
use crate::resource::{Expandable, Resource, View, reference};
use crate::resources::party::{AddressParams, CustomerShippingParams, render_address, render_shipping};
use crate::resources::payment_methods::{self, attach};
use crate::search::{FieldKind, SearchField, field, indexed};
use crate::{object, params};
use contracts::{FieldFilter, ListQuery};
use domain::customer::Customer;
use domain::payment_method::PaymentMethod;
use domain::{Changes, Versioned};
use std::collections::BTreeMap;
use types::{Kind, ObjectId};

const ONE: Returns = Returns::Object(Kind::Customer);

const SEARCHABLE: &[SearchField] = &[
    field("created", FieldKind::Time, &["created"]),
    indexed("email", &["email"]),
    field("metadata", FieldKind::Metadata, &["metadata"]),
    indexed("name", &["name"]),
    indexed("phone", &["phone"]),
];

params! {
    pub struct CreateParams {
        /// Is attached to the new customer.
        pub payment_method: Option<String>,
        /// Whether the payment method is checked first; it is unless this says no.
        pub validate: Option<bool>,
        ..details: DetailParams,
    }

    pub struct DetailParams {
        pub address: Option<Unsettable<AddressParams>>,
        pub business_name: Option<Unsettable<String>>,
        pub description: Option<Unsettable<String>>,
        pub email: Option<Unsettable<String>>,
        pub individual_name: Option<Unsettable<String>>,
        pub invoice_settings: Option<InvoiceSettingsParams>,
        pub metadata: Option<MetadataParam>,
        pub name: Option<Unsettable<String>>,
        pub phone: Option<Unsettable<String>>,
        pub preferred_locales: Option<Vec<String>>,
        pub shipping: Option<Unsettable<CustomerShippingParams>>,
    }

    pub struct InvoiceSettingsParams {
        pub default_payment_method: Option<Unsettable<String>>,
    }

    pub struct FilterParams {
        /// The whole address, as it was given.
        pub email: Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<Customer>();
    registry.post("/v1/customers", ONE, create);
    registry.list::<Customer, _, _, _>("/v1/customers", narrow);
    registry.search::<Customer>("/v1/customers/search", SEARCHABLE);
    registry.retrieve::<Customer>("/v1/customers/{id}");
    registry.post("/v1/customers/{id}", ONE, update);
    registry.delete("/v1/customers/{id}", Returns::Schema("deleted_customer"), delete);
}

/// The customer that a parameter names. Deleted ones are as good as unknown.
pub async fn resolve(call: &Call, param: &str, id: &str) -> Result<Versioned<Customer>> {
    let customer = call.param_object::<Customer>(param, id).await?;
    if customer.deleted {
        return Err(ApiError::missing(Kind::Customer, id, Some(param)).into());
    }
    Ok(customer)
}

/// The customer in the URL, if it is not deleted.
pub async fn of_path(call: &Call, name: &str) -> Result<Versioned<Customer>> {
    let customer = call.path_object::<Customer>(name).await?;
    if customer.deleted {
        return Err(ApiError::missing(Kind::Customer, call.path_text(name), None).into());
    }
    Ok(customer)
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let mut changes = call.changes();
    let default = default_method(&params.details);
    let mut method = match &params.payment_method {
        Some(id) => Some(payment_methods::resolve(&call, &mut changes, "payment_method", id).await?),
        None => None,
    };
    if let Some(method) = &method {
        attach::attachable(method, None)?;
    }
    let mut customer = new_customer(&mut changes);
    if let Some(Unsettable::Set(id)) = default {
        // A test name means the payment method that is attached by the same name.
        let attached = method
            .as_ref()
            .filter(|method| params.payment_method.as_deref() == Some(id.as_str()) || method.id.to_string() == id);
        customer.default_payment_method = Some(attached.ok_or_else(|| not_attached(&id))?.id);
    }
    params.details.apply(&mut customer)?;
    if let Some(method) = method.as_ref().filter(|_| params.validate != Some(false))
        && let Err(error) = attach::check(&call, &mut changes, method).await?
    {
        call.commit(changes, &Err(error.clone())).await?;
        return Err(error.into());
    }
    let customer = changes.create(customer, Some("customer.created"));
    if let Some(method) = &mut method {
        attach::attach(&mut changes, method, customer.id);
    }
    call.commit_and_show(changes, &customer).await
}

fn new_customer(changes: &mut Changes) -> Customer {
    Customer {
        id: changes.new_id(Kind::Customer),
        created: changes.now,
        name: None,
        business_name: None,
        individual_name: None,
        email: None,
        phone: None,
        description: None,
        address: None,
        shipping: None,
        preferred_locales: Vec::new(),
        default_payment_method: None,
        metadata: BTreeMap::new(),
        deleted: false,
    }
}

async fn update(call: Call, params: DetailParams) -> Result<Reply> {
    let mut customer = of_path(&call, "id").await?;
    let mut next = (*customer).clone();
    match default_method(&params) {
        Some(Unsettable::Set(id)) => next.default_payment_method = Some(own_method(&call, customer.id, &id).await?),
        Some(Unsettable::Unset) => next.default_payment_method = None,
        None => (),
    }
    params.apply(&mut next)?;
    let mut changes = call.changes();
    changes.update_if_changed(&mut customer, "customer.updated", |customer| *customer = next);
    call.commit_and_show(changes, &customer).await
}

async fn delete(call: Call, _: NoParams) -> Result<Reply> {
    let mut customer = of_path(&call, "id").await?;
    let mut changes = call.changes();
    attach::detach_all(&call, &mut changes, &customer).await?;
    changes.update(&mut customer, Some("customer.deleted"), |customer| {
        customer.deleted = true;
        customer.default_payment_method = None;
    });
    call.commit_and_show(changes, &customer).await
}

async fn narrow(_: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    query.fields.extend(params.email.map(|email| FieldFilter::equal(&["email"], email).indexed()));
    Ok(query)
}

fn default_method(params: &DetailParams) -> Option<Unsettable<String>> {
    params.invoice_settings.as_ref().and_then(|settings| settings.default_payment_method.clone())
}

/// A payment method that is attached to the customer.
async fn own_method(call: &Call, customer: ObjectId, id: &str) -> Result<ObjectId> {
    let method = match ObjectId::parse(Kind::PaymentMethod, id) {
        Some(id) => call.load::<PaymentMethod>(id).await?,
        None => None,
    };
    let own = method.filter(|method| method.customer == Some(customer));
    Ok(own.ok_or_else(|| not_attached(id))?.id)
}

fn not_attached(id: &str) -> ApiError {
    let message = format!(
        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the \
         customer first."
    );
    ApiError::coded("resource_missing", message).param("invoice_settings[default_payment_method]")
}

impl DetailParams {
    /// Changes what was sent, but for the default payment method, which has to be looked up.
    fn apply(self, customer: &mut Customer) -> Result<(), ApiError> {
        for (name, value, max) in [
            ("business_name", &self.business_name, 150),
            ("email", &self.email, 512),
            ("individual_name", &self.individual_name, 150),
            ("name", &self.name, 256),
            ("phone", &self.phone, 20),
        ] {
            check_length(name, value.as_ref(), max)?;
        }
        if let Some(Unsettable::Set(email)) = &self.email {
            check_email(email)?;
        }
        customer.metadata = merged_metadata(&customer.metadata, self.metadata)?;
        assign(&mut customer.business_name, self.business_name);
        assign(&mut customer.description, self.description);
        assign(&mut customer.email, self.email);
        assign(&mut customer.individual_name, self.individual_name);
        assign(&mut customer.name, self.name);
        assign(&mut customer.phone, self.phone);
        match self.address {
            Some(Unsettable::Set(address)) => address.apply(customer.address.get_or_insert_default()),
            Some(Unsettable::Unset) => customer.address = None,
            None => (),
        }
        if let Some(shipping) = self.shipping {
            customer.shipping = shipping.into_option().map(CustomerShippingParams::into_shipping);
        }
        if let Some(locales) = self.preferred_locales {
            customer.preferred_locales = locales;
        }
        Ok(())
    }
}

/// `max` counts characters.
fn check_length(name: &str, value: Option<&Unsettable<String>>, max: usize) -> Result<(), ApiError> {
    match value {
        Some(Unsettable::Set(text)) if text.chars().count() > max => {
            let message = format!("Invalid string: {name} is longer than {max} characters.");
            Err(ApiError::coded("parameter_invalid_string", message).param(name))
        }
        _ => Ok(()),
    }
}

/// Something, an at sign, something: whether mail arrives is for a mail to find out.
fn check_email(email: &str) -> Result<(), ApiError> {
    let plausible = email
        .rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.starts_with('.'));
    if plausible && !email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(ApiError::coded("email_invalid", format!("Invalid email address: {email}")).param("email"))
}

impl Resource for Customer {
    const EXPANDABLE: &'static [Expandable] =
        &[reference("invoice_settings.default_payment_method", &[Kind::PaymentMethod])];
    const LISTED: Option<&'static str> = Some(Customer::ACTIVE);

    fn render(&self, view: &View) -> Json<'_> {
        if self.deleted {
            return object! { "id": self.id, "object": "customer", "deleted": true };
        }
        object! {
            "id": self.id,
            "object": "customer",
            "address": self.address.as_ref().map(render_address),
            "balance": 0,
            "created": self.created.seconds(),
            "currency": Null,
            "customer_account": Null,
            "default_source": Null,
            "delinquent": false,
            "description": &self.description,
            "discount": Null,
            "email": &self.email,
            "invoice_prefix": Null,
            "invoice_settings": object! {
                "custom_fields": Null,
                "default_payment_method": self.default_payment_method,
                "footer": Null,
                "rendering_options": Null,
            },
            "livemode": view.livemode,
            "metadata": &self.metadata,
            "name": &self.name,
            "phone": &self.phone,
            "preferred_locales": &self.preferred_locales,
            "shipping": self.shipping.as_ref().map(render_shipping),
            "tax_exempt": "none",
            "test_clock": Null,
        }
        .with("business_name", self.business_name.as_ref())
        .with("individual_name", self.individual_name.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_are_checked_minimally() {
        for good in ["a@b", "rosa.luz+florin@example.com", "\u{e9}@exemple.fr"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "rosa", "@example.com", "rosa@", "rosa@ example.com", "rosa@.com", "a\n@b.c"] {
            assert_eq!(check_email(bad).unwrap_err().code, Some("email_invalid"), "{bad}");
        }
    }

    #[test]
    fn lengths_count_characters() {
        let set = |text: String| Some(Unsettable::Set(text));
        assert!(check_length("phone", set("\u{e9}".repeat(20)).as_ref(), 20).is_ok());
        assert!(check_length("phone", set("1".repeat(21)).as_ref(), 20).is_err());
        assert!(check_length("phone", Some(&Unsettable::Unset), 20).is_ok());
    }
}
