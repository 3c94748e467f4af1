//! Addresses, billing details, shipping and e-mail addresses, as several resources take and show them.

use api::error::ApiError;
use api::json::Json::{self, Null};
use api::params::{Unsettable, assign};
use api::{object, params};
use domain::contact::{Address, BillingDetails, Shipping};

params! {
    pub struct AddressParams {
        pub city: Option<Unsettable<String>>,
        pub country: Option<Unsettable<String>>,
        pub line1: Option<Unsettable<String>>,
        pub line2: Option<Unsettable<String>>,
        pub postal_code: Option<Unsettable<String>>,
        pub state: Option<Unsettable<String>>,
    }

    pub struct BillingDetailsParams {
        pub address: Option<Unsettable<AddressParams>>,
        pub email: Option<Unsettable<String>>,
        pub name: Option<Unsettable<String>>,
        pub phone: Option<Unsettable<String>>,
    }

    pub struct ShippingParams {
        pub address: AddressParams,
        pub name: String,
        pub carrier: Option<String>,
        pub phone: Option<String>,
        pub tracking_number: Option<String>,
    }

    /// A customer's shipping address: no carrier yet.
    pub struct CustomerShippingParams {
        pub address: AddressParams,
        pub name: String,
        pub phone: Option<String>,
    }
}

impl AddressParams {
    /// Changes what was sent of an address.
    pub fn apply(self, address: &mut Address) {
        assign(&mut address.city, self.city);
        assign(&mut address.country, self.country);
        assign(&mut address.line1, self.line1);
        assign(&mut address.line2, self.line2);
        assign(&mut address.postal_code, self.postal_code);
        assign(&mut address.state, self.state);
    }

    pub fn into_address(self) -> Address {
        let mut address = Address::default();
        self.apply(&mut address);
        address
    }
}

impl BillingDetailsParams {
    /// Changes what was sent of the details.
    pub fn apply(self, details: &mut BillingDetails) {
        assign(&mut details.email, self.email);
        assign(&mut details.name, self.name);
        assign(&mut details.phone, self.phone);
        match self.address {
            Some(Unsettable::Set(address)) => address.apply(details.address.get_or_insert_default()),
            Some(Unsettable::Unset) => details.address = None,
            None => (),
        }
    }
}

impl ShippingParams {
    pub fn into_shipping(self) -> Shipping {
        Shipping {
            address: self.address.into_address(),
            carrier: self.carrier,
            name: Some(self.name),
            phone: self.phone,
            tracking_number: self.tracking_number,
        }
    }
}

impl CustomerShippingParams {
    pub fn into_shipping(self) -> Shipping {
        Shipping {
            address: self.address.into_address(),
            name: Some(self.name),
            phone: self.phone,
            ..Shipping::default()
        }
    }
}

/// Of an absent address, all parts are shown as null.
pub static NOWHERE: Address =
    Address { city: None, country: None, line1: None, line2: None, postal_code: None, state: None };

pub fn render_address(address: &Address) -> Json<'_> {
    object! {
        "city": &address.city,
        "country": &address.country,
        "line1": &address.line1,
        "line2": &address.line2,
        "postal_code": &address.postal_code,
        "state": &address.state,
    }
}

pub fn render_billing_details(details: &BillingDetails) -> Json<'_> {
    object! {
        "address": render_address(details.address.as_ref().unwrap_or(&NOWHERE)),
        "email": &details.email,
        "name": &details.name,
        "phone": &details.phone,
        "tax_id": Null,
    }
}

pub fn render_shipping(shipping: &Shipping) -> Json<'_> {
    object! {
        "address": render_address(&shipping.address),
        "carrier": &shipping.carrier,
        "name": &shipping.name,
        "phone": &shipping.phone,
        "tracking_number": &shipping.tracking_number,
    }
}

/// Refuses what is no e-mail address: something, an at sign, something. Whether mail arrives is not checked.
pub fn check_email(param: &str, email: &str) -> Result<(), ApiError> {
    let plausible = email
        .rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.starts_with('.'));
    if plausible && !email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(ApiError::coded("email_invalid", format!("Invalid email address: {email}")).param(param))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_are_checked_minimally() {
        for good in ["a@b", "rosa.luz+florin@example.com", "\u{e9}@exemple.fr"] {
            assert!(check_email("email", good).is_ok(), "{good}");
        }
        for bad in ["", "rosa", "@example.com", "rosa@", "rosa@ example.com", "rosa@.com", "a\n@b.c"] {
            assert_eq!(check_email("email", bad).unwrap_err().code, Some("email_invalid"), "{bad}");
        }
    }
}
