//! Cards as they arrive: numbers are looked up among the sandbox's and given up at once; what remains may be kept.

use super::MethodType;
use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::form::Node;
use crate::params;
use crate::params::{MetadataParam, Param, new_metadata};
use crate::resources::party::{AllowRedisplay, BillingDetailsParams};
use domain::party::BillingDetails;
use domain::payment_method::{Card, PaymentMethod};
use domain::{Changes, Versioned};
use processors::sandbox::{NumberError, TestCard, cards};
use serde_json::{Value, json};
use std::fmt;
use types::{Kind, Timestamp};

/// How many years ahead a card may expire.
const YEARS_MAX: i64 = 50;

params! {
    /// A payment method about to be made.
    pub struct PaymentMethodDataParams {
        pub kind as "type": MethodType,
        pub card: CardParams,
        pub billing_details: Option<BillingDetailsParams>,
        pub metadata: Option<MetadataParam>,
        pub allow_redisplay: Option<AllowRedisplay>,
    }

    /// A number with its expiry, or a test token.
    pub struct CardParams {
        pub number: Option<CardNumber>,
        pub exp_month: Option<i64>,
        pub exp_year: Option<i64>,
        pub cvc: Option<Cvc>,
        pub token: Option<String>,
    }
}

/// A card number as it was sent. Nothing shows it.
#[derive(Clone)]
pub struct CardNumber(String);

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[card number]")
    }
}

impl Param for CardNumber {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        String::parse(node, name).map(CardNumber)
    }

    fn schema() -> Value {
        json!({ "type": "string", "description": "One of the sandbox's test card numbers." })
    }
}

/// A card's security code. Only that it could be one is remembered of it.
#[derive(Clone, Copy, Debug)]
pub struct Cvc {
    well_formed: bool,
}

impl Param for Cvc {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = String::parse(node, name)?;
        let well_formed = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Cvc { well_formed })
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 3, "maxLength": 4 })
    }
}

/// A new payment method out of what a card's holder has typed. Nobody has been told of it yet.
pub fn from_card(call: &Call, changes: &mut Changes, params: PaymentMethodDataParams) -> Result<PaymentMethod> {
    let PaymentMethodDataParams { kind: MethodType::Card, card, billing_details, metadata, allow_redisplay } = params;
    let mut details = BillingDetails::default();
    if let Some(params) = billing_details {
        params.apply(&mut details);
    }
    // What follows from a real card's number, a hash of the request among it, must not be stored.
    let (test_card, expiry, cvc_given) = read_card(card, call.now).map_err(ApiError::not_kept)?;
    let mut method = new_method(call, changes, &test_card, expiry, cvc_given, details);
    method.metadata = new_metadata(metadata)?;
    method.allow_redisplay = allow_redisplay.map(|choice| choice.as_str().to_owned());
    Ok(method)
}

/// A new payment method out of a test token such as `tok_visa`.
pub fn from_token(call: &Call, changes: &mut Changes, token: &str) -> Result<PaymentMethod> {
    let card = token_card(token, "source")?;
    Ok(new_method(call, changes, &card, test_expiry(call.now), true, BillingDetails::default()))
}

/// The payment method that a parameter names: one of the tenant's, or one that a test name such as `pm_card_visa`
/// stands for, which is made with these changes.
pub async fn resolve(call: &Call, changes: &mut Changes, param: &str, id: &str) -> Result<Versioned<PaymentMethod>> {
    match from_test_name(call, changes, id) {
        Some(method) => Ok(changes.create(method, None)),
        None => call.param_object(param, id).await,
    }
}

/// The payment method that an intent's parameters name or describe, if they do.
pub async fn chosen(
    call: &Call,
    changes: &mut Changes,
    id: Option<String>,
    data: Option<PaymentMethodDataParams>,
) -> Result<Option<Versioned<PaymentMethod>>> {
    match (id, data) {
        (Some(_), Some(_)) => {
            let message = "payment_method and payment_method_data cannot both be given.";
            Err(ApiError::invalid(message).param("payment_method_data").into())
        }
        (Some(id), None) => resolve(call, changes, "payment_method", &id).await.map(Some),
        (None, Some(data)) => {
            let method = from_card(call, changes, data)?;
            Ok(Some(changes.create(method, None)))
        }
        (None, None) => Ok(None),
    }
}

/// What a test name stands for; each time it is another payment method.
pub(super) fn from_test_name(call: &Call, changes: &mut Changes, name: &str) -> Option<PaymentMethod> {
    let card = cards::by_method(name)?;
    Some(new_method(call, changes, &card, test_expiry(call.now), true, BillingDetails::default()))
}

fn new_method(
    call: &Call,
    changes: &mut Changes,
    card: &TestCard,
    (exp_month, exp_year): (u8, u16),
    cvc_given: bool,
    billing_details: BillingDetails,
) -> PaymentMethod {
    let address = billing_details.address.as_ref();
    let check = |given: bool, result: &str| given.then(|| result.to_owned());
    PaymentMethod {
        id: changes.new_id(Kind::PaymentMethod),
        created: changes.now,
        customer: None,
        card: Card {
            brand: card.brand.to_owned(),
            country: card.country.to_owned(),
            exp_month,
            exp_year,
            fingerprint: card.fingerprint(call.tenant_id()),
            funding: card.funding.to_owned(),
            last4: card.last4.to_owned(),
            cvc_check: check(cvc_given, card.checks.cvc),
            line1_check: check(address.is_some_and(|address| address.line1.is_some()), card.checks.line1),
            postal_code_check: check(
                address.is_some_and(|address| address.postal_code.is_some()),
                card.checks.postal_code,
            ),
        },
        billing_details,
        metadata: std::collections::BTreeMap::new(),
        allow_redisplay: None,
        credential: card.credential.to_owned(),
        set_up: false,
        spent: false,
    }
}

/// The card with its month and year of expiry, and whether a security code was given.
fn read_card(params: CardParams, now: Timestamp) -> Result<(TestCard, (u8, u16), bool), ApiError> {
    let number = match (params.token, params.number) {
        (Some(_), Some(_)) => {
            let message = "card[token] and card[number] cannot both be given.";
            return Err(ApiError::invalid(message).param("card[token]"));
        }
        (Some(token), None) => return Ok((token_card(&token, "card[token]")?, test_expiry(now), true)),
        (None, Some(number)) => number,
        (None, None) => return Err(missing("card[number]")),
    };
    // The number comes first: nothing is to be said about a card that is not even a test card.
    let card = cards::by_number(&number.0).map_err(wrong_number)?;
    let month = params.exp_month.ok_or_else(|| missing("card[exp_month]"))?;
    let year = params.exp_year.ok_or_else(|| missing("card[exp_year]"))?;
    let expiry = read_expiry(month, year, now)?;
    if params.cvc.is_some_and(|cvc| !cvc.well_formed) {
        return Err(ApiError::card("invalid_cvc", "Your card's security code is invalid.").param("cvc"));
    }
    Ok((card, expiry, params.cvc.is_some()))
}

fn missing(param: &str) -> ApiError {
    ApiError::coded("parameter_missing", format!("Missing required param: {param}.")).param(param)
}

fn wrong_number(error: NumberError) -> ApiError {
    let mut refused = ApiError::card(error.code(), error.to_string());
    if let Some(decline_code) = error.decline_code() {
        refused = refused.detail("decline_code", decline_code);
    }
    refused.param("number")
}

fn token_card(token: &str, param: &str) -> Result<TestCard, ApiError> {
    cards::by_token(token)
        .ok_or_else(|| ApiError::coded("resource_missing", format!("No such token: '{token}'")).param(param))
}

/// Checks month and year, which may have two digits, of a card that must not have expired.
pub(super) fn read_expiry(month: i64, year: i64, now: Timestamp) -> Result<(u8, u16), ApiError> {
    let invalid_month =
        || ApiError::card("invalid_expiry_month", "Your card's expiration month is invalid.").param("exp_month");
    let invalid_year =
        || ApiError::card("invalid_expiry_year", "Your card's expiration year is invalid.").param("exp_year");
    let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month)).ok_or_else(invalid_month)?;
    let year = if (0..100).contains(&year) { year + 2000 } else { year };
    let (this_month, this_year) = month_and_year(now);
    if !(i64::from(this_year)..=i64::from(this_year) + YEARS_MAX).contains(&year) {
        return Err(invalid_year());
    }
    let year = u16::try_from(year).map_err(|_| invalid_year())?;
    if (year, month) < (this_year, this_month) {
        return Err(invalid_month());
    }
    Ok((month, year))
}

/// Test cards without an expiry of their own expire in a year.
fn test_expiry(now: Timestamp) -> (u8, u16) {
    let (month, year) = month_and_year(now);
    (month, year.saturating_add(1))
}

fn month_and_year(now: Timestamp) -> (u8, u16) {
    let date = now.date();
    let mut parts = date.split('-');
    let year = parts.next().and_then(|year| year.parse().ok()).unwrap_or_default();
    let month = parts.next().and_then(|month| month.parse().ok()).unwrap_or_default();
    (month, year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_cannot_be_shown() {
        let mut node = Node::empty();
        node.decode(b"type=card&card[number]=4242424242424242&card[cvc]=987").unwrap();
        let params = PaymentMethodDataParams::parse(node, "").unwrap();
        let shown = format!("{params:?}");
        assert!(!shown.contains("4242") && !shown.contains("987"), "{shown}");
    }

    #[test]
    fn expiries_are_checked() {
        // 2027-01-15.
        let now = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(read_expiry(1, 2027, now), Ok((1, 2027)));
        assert_eq!(read_expiry(12, 34, now), Ok((12, 2034)));
        for (month, year, code) in [
            (0, 2030, "invalid_expiry_month"),
            (13, 2030, "invalid_expiry_month"),
            (12, 2026, "invalid_expiry_year"),
            (1, 2078, "invalid_expiry_year"),
            (1, -1, "invalid_expiry_year"),
            (1, i64::MAX, "invalid_expiry_year"),
        ] {
            let error = read_expiry(month, year, now).unwrap_err();
            assert_eq!((error.status, error.code), (402, Some(code)), "{month}/{year}");
        }
        let march = Timestamp::from_seconds(1_805_000_000);
        assert_eq!(read_expiry(2, 2027, march).unwrap_err().code, Some("invalid_expiry_month"));
    }

    #[test]
    fn refusals_of_numbers_say_why_and_are_not_kept_for_real_cards() {
        let incorrect = wrong_number(NumberError::Incorrect);
        assert_eq!((incorrect.status, incorrect.code), (402, Some("incorrect_number")));
        let real = wrong_number(NumberError::NotATestCard);
        assert_eq!(real.status, 402);
        assert!(real.message.contains("vault"));
    }
}
