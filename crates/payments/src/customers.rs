//! Customers.

use crate::contact::{AddressParams, CustomerShippingParams, check_email, render_address, render_shipping};
use crate::customer_lookup::of_path;
use crate::locale::Locale;
use crate::payment_methods::{self, CardCheck};
use api::Registry;
use api::call::Call;
use api::endpoint::Returns;
use api::error::{ApiError, Result};
use api::json::Json::{self, Null};
use api::metadata::{MetadataParam, merged_metadata};
use api::params::{List, NoParams, Unsettable, assign};
use api::reply::Reply;
use api::resource::{Audience, Expandable, Resource, Schema, reference};
use api::search::{FieldKind, SearchField, field, indexed};
use api::{object, params};
use contracts::{FieldFilter, ListQuery};
use domain::Versioned;
use domain::payments::customer::{self, Customer, Details};
use domain::payments::payment_method::{PaymentMethod, may_attach};
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
        pub business_name max 150: Option<Unsettable<String>>,
        pub description: Option<Unsettable<String>>,
        pub email max 512: Option<Unsettable<String>>,
        pub individual_name max 150: Option<Unsettable<String>>,
        pub invoice_settings: Option<InvoiceSettingsParams>,
        pub metadata: Option<MetadataParam>,
        pub name max 256: Option<Unsettable<String>>,
        pub phone max 20: Option<Unsettable<String>>,
        pub preferred_locales: Option<List<Locale, 20>>,
        pub shipping: Option<Unsettable<CustomerShippingParams>>,
    }

    pub struct InvoiceSettingsParams {
        pub default_payment_method: Option<Unsettable<String>>,
    }

    pub struct FilterParams {
        /// The whole address, as it was given.
        pub email max 512: Option<String>,
    }
}

pub fn register(registry: &mut Registry) {
    registry.resource::<Customers>();
    registry.post("/v1/customers", ONE, create);
    registry.list::<Customers, _, _, _>("/v1/customers", narrow);
    registry.search::<Customers>("/v1/customers/search", SEARCHABLE);
    registry.retrieve::<Customers>("/v1/customers/{id}");
    registry.post("/v1/customers/{id}", ONE, update);
    registry.delete("/v1/customers/{id}", Returns::Schema("deleted_customer"), delete);
}

async fn create(call: Call, params: CreateParams) -> Result<Reply> {
    let mut changes = call.changes();
    let default = default_method(&params.details);
    let mut method = match &params.payment_method {
        Some(id) => Some(payment_methods::resolve(&call, &mut changes, "payment_method", id).await?),
        None => None,
    };
    if let Some(method) = &method {
        may_attach(method, None)?;
    }
    let mut details = Details::default();
    if let Some(Unsettable::Set(id)) = default {
        // A test name means the payment method that is attached by the same name.
        let attached = method
            .as_ref()
            .filter(|method| params.payment_method.as_deref() == Some(id.as_str()) || method.id.to_string() == id);
        details.default_payment_method = Some(attached.ok_or_else(|| not_attached(&id))?.id);
    }
    params.details.apply(&mut details)?;
    if let Some(method) = method.as_ref().filter(|_| params.validate != Some(false))
        && let CardCheck::Declined(error) = payment_methods::check(&call, &mut changes, method).await?
    {
        call.commit(changes, &Err(error.clone())).await?;
        return Err(error.into());
    }
    let customer = customer::create(&mut changes, details, method.as_mut());
    call.commit_and_show::<Customers>(changes, &customer).await
}

async fn update(call: Call, params: DetailParams) -> Result<Reply> {
    let mut customer = of_path(&call, "id").await?;
    let mut details = customer.details.clone();
    let default = match default_method(&params) {
        Some(Unsettable::Set(id)) => Some(own_method(&call, customer.id, &id).await?),
        Some(Unsettable::Unset) => {
            details.default_payment_method = None;
            None
        }
        None => None,
    };
    details.default_payment_method = default.as_ref().map(|method| method.id).or(details.default_payment_method);
    params.apply(&mut details)?;
    let mut changes = call.changes();
    customer::update(&mut changes, &mut customer, details, default.as_ref());
    call.commit_and_show::<Customers>(changes, &customer).await
}

async fn delete(call: Call, _: NoParams) -> Result<Reply> {
    let mut customer = of_path(&call, "id").await?;
    let methods = payment_methods::all_of(&call, customer.id).await?;
    let mut changes = call.changes();
    customer::delete(&mut changes, &mut customer, methods);
    call.commit_and_show::<Customers>(changes, &customer).await
}

async fn narrow(_: Call, params: FilterParams, mut query: ListQuery) -> Result<ListQuery> {
    query.fields.extend(params.email.map(|email| FieldFilter::equal(&["email"], email).indexed()));
    Ok(query)
}

fn default_method(params: &DetailParams) -> Option<Unsettable<String>> {
    params.invoice_settings.as_ref().and_then(|settings| settings.default_payment_method.clone())
}

/// A payment method that is attached to the customer.
async fn own_method(call: &Call, customer: ObjectId, id: &str) -> Result<Versioned<PaymentMethod>> {
    let method = match ObjectId::parse(Kind::PaymentMethod, id) {
        Some(id) => call.load::<PaymentMethod>(id).await?,
        None => None,
    };
    let own = method.filter(|method| method.customer == Some(customer));
    Ok(own.ok_or_else(|| not_attached(id))?)
}

fn not_attached(id: &str) -> ApiError {
    let message = format!(
        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the \
         customer first."
    );
    ApiError::coded("resource_missing", message).param("invoice_settings[default_payment_method]")
}

impl DetailParams {
    /// Changes what was sent, except the default payment method, which has to be looked up.
    fn apply(self, details: &mut Details) -> Result<(), ApiError> {
        if let Some(Unsettable::Set(email)) = &self.email {
            check_email("email", email)?;
        }
        details.metadata = merged_metadata(&details.metadata, self.metadata)?;
        assign(&mut details.business_name, self.business_name);
        assign(&mut details.description, self.description);
        assign(&mut details.email, self.email);
        assign(&mut details.individual_name, self.individual_name);
        assign(&mut details.name, self.name);
        assign(&mut details.phone, self.phone);
        match self.address {
            Some(Unsettable::Set(address)) => address.apply(details.address.get_or_insert_default()),
            Some(Unsettable::Unset) => details.address = None,
            None => (),
        }
        if let Some(shipping) = self.shipping {
            details.shipping = shipping.into_option().map(CustomerShippingParams::into_shipping);
        }
        if let Some(List(locales)) = self.preferred_locales {
            details.preferred_locales = locales.into_iter().map(|Locale(tag)| tag).collect();
        }
        Ok(())
    }
}

/// `/v1/customers`.
pub struct Customers;

impl Resource for Customers {
    type Object = Customer;

    const PATH: &'static str = "/v1/customers";
    const SCHEMA: Schema = Schema::Stripe;
    const EXPANDABLE: &'static [Expandable] =
        &[reference("invoice_settings.default_payment_method", &[Kind::PaymentMethod])];
    const PUBLIC: &'static [&'static str] = &[];
    const LISTED: Option<&'static str> = Some(Customer::ACTIVE);
    const EVENTS_WITH_PREVIOUS: &'static [&'static str] = &[];

    fn render<'a>(customer: &'a Customer, audience: &Audience) -> Json<'a> {
        if customer.deleted {
            return object! { "id": customer.id, "object": "customer", "deleted": true };
        }
        let details = &customer.details;
        object! {
            "id": customer.id,
            "object": "customer",
            "address": details.address.as_ref().map(render_address),
            "balance": 0,
            "created": customer.created.seconds(),
            "currency": Null,
            "customer_account": Null,
            "default_source": Null,
            "delinquent": false,
            "description": &details.description,
            "discount": Null,
            "email": &details.email,
            "invoice_prefix": Null,
            "invoice_settings": object! {
                "custom_fields": Null,
                "default_payment_method": details.default_payment_method,
                "footer": Null,
                "rendering_options": Null,
            },
            "livemode": audience.livemode,
            "metadata": &details.metadata,
            "name": &details.name,
            "phone": &details.phone,
            "preferred_locales": &details.preferred_locales,
            "shipping": details.shipping.as_ref().map(render_shipping),
            "tax_exempt": "none",
            "test_clock": Null,
        }
        .with("business_name", details.business_name.as_ref())
        .with("individual_name", details.individual_name.as_ref())
    }
}
