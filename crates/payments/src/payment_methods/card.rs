//! Cards as they arrive: the processor takes the number, and what remains may be kept.

use super::taken::{Taken, take};
use crate::contact::BillingDetailsParams;
use api::call::Call;
use api::choice::{Choice, chosen};
use api::error::{ApiError, Failure, Result};
use api::form::Node;
use api::metadata::{MetadataParam, new_metadata};
use api::params;
use api::params::Param;
use domain::contact::BillingDetails;
use domain::payments::payment_method::{self, AllowRedisplay, Card, MethodType, NewPaymentMethod, PaymentMethod};
use domain::{Changes, Object, Versioned};
use processors::CardSource;
use serde_json::{Value, json};
use std::fmt;
use types::{ObjectId, Timestamp};

/// How many years ahead a card may expire.
const YEARS_MAX: i64 = 50;

params! {
    /// A payment method that is about to be created.
    pub struct PaymentMethodDataParams {
        pub kind as "type": Choice<MethodType>,
        pub card: CardParams,
        pub billing_details: Option<BillingDetailsParams>,
        pub metadata: Option<MetadataParam>,
        pub allow_redisplay: Option<Choice<AllowRedisplay>>,
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

/// A card's security code, of which only its form is kept.
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

/// What a new payment method is made of, if a payer has typed it.
async fn from_card(call: &Call, params: PaymentMethodDataParams) -> Result<NewPaymentMethod> {
    let PaymentMethodDataParams { kind, card, billing_details, metadata, allow_redisplay } = params;
    let Choice(MethodType::Card) = kind;
    let mut details = BillingDetails::default();
    if let Some(params) = billing_details {
        params.apply(&mut details);
    }
    // Nothing that follows from a real card's number may be stored, not even a hash of the request.
    let (taken, expiry, cvc_given) = read_card(call, card).await.map_err(Failure::not_kept)?;
    Ok(NewPaymentMethod {
        metadata: new_metadata(metadata)?,
        allow_redisplay: chosen(allow_redisplay),
        ..new_method(taken, expiry, cvc_given, details)
    })
}

/// Creates the payment method that a payer has typed.
pub async fn create(
    call: &Call,
    changes: &mut Changes,
    params: PaymentMethodDataParams,
) -> Result<Versioned<PaymentMethod>> {
    let new = from_card(call, params).await?;
    Ok(payment_method::create(changes, new))
}

/// Creates the payment method of a test token such as `tok_visa`.
pub async fn create_from_token(call: &Call, changes: &mut Changes, token: &str) -> Result<Versioned<PaymentMethod>> {
    let taken = token_card(call, token, "source").await?;
    let new = new_method(taken, test_expiry(call.now), true, BillingDetails::default());
    Ok(payment_method::create(changes, new))
}

/// The payment method that a parameter names: one of the tenant's, or a new one if it is a test name such as
/// `pm_card_visa`.
pub async fn resolve(call: &Call, changes: &mut Changes, param: &str, id: &str) -> Result<Versioned<PaymentMethod>> {
    match from_test_name(call, changes, id).await? {
        Some(method) => Ok(method),
        None => call.param_object(param, id).await,
    }
}

/// The payment method that an intent's parameters name or describe, if they do.
pub async fn named_or_described(
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
        (None, Some(data)) => create(call, changes, data).await.map(Some),
        (None, None) => Ok(None),
    }
}

/// A new payment method for a test name; each time another one.
pub async fn from_test_name(
    call: &Call,
    changes: &mut Changes,
    name: &str,
) -> Result<Option<Versioned<PaymentMethod>>> {
    // Ids of payment methods have a length of their own; the processor is asked about other names only.
    if ObjectId::parse(PaymentMethod::KIND, name).is_some() {
        return Ok(None);
    }
    let Some(taken) = take(call, CardSource::Method(name)).await? else { return Ok(None) };
    let new = new_method(taken, test_expiry(call.now), true, BillingDetails::default());
    Ok(Some(payment_method::create(changes, new)))
}

fn new_method(
    Taken { processor, facts }: Taken,
    (exp_month, exp_year): (u8, u16),
    cvc_given: bool,
    billing_details: BillingDetails,
) -> NewPaymentMethod {
    let address = billing_details.address.as_ref();
    let check = |given: bool, result: &str| given.then(|| result.to_owned());
    let checks = facts.checks;
    NewPaymentMethod {
        card: Card {
            brand: facts.brand,
            country: facts.country,
            exp_month,
            exp_year,
            fingerprint: facts.fingerprint,
            funding: facts.funding,
            last4: facts.last4,
            cvc_check: check(cvc_given, checks.cvc),
            line1_check: check(address.is_some_and(|address| address.line1.is_some()), checks.line1),
            postal_code_check: check(address.is_some_and(|address| address.postal_code.is_some()), checks.postal_code),
        },
        processor: processor.to_owned(),
        credential: facts.credential,
        billing_details,
        metadata: Default::default(),
        allow_redisplay: None,
    }
}

/// The card with its month and year of expiry, and whether a security code was given.
async fn read_card(call: &Call, params: CardParams) -> Result<(Taken, (u8, u16), bool)> {
    let number = match (params.token, params.number) {
        (Some(_), Some(_)) => {
            let message = "card[token] and card[number] cannot both be given.";
            return Err(ApiError::invalid(message).param("card[token]").into());
        }
        (Some(token), None) => {
            return Ok((token_card(call, &token, "card[token]").await?, test_expiry(call.now), true));
        }
        (None, Some(number)) => number,
        (None, None) => return Err(missing("card[number]").into()),
    };
    // The number comes first: of a card that is not even a test card, nothing else is checked.
    let incorrect = || ApiError::card("incorrect_number", "Your card number is incorrect.").param("number");
    let taken = take(call, CardSource::Number(&number.0)).await?.ok_or_else(incorrect)?;
    let month = params.exp_month.ok_or_else(|| missing("card[exp_month]"))?;
    let year = params.exp_year.ok_or_else(|| missing("card[exp_year]"))?;
    let expiry = read_expiry(month, year, call.now)?;
    if params.cvc.is_some_and(|cvc| !cvc.well_formed) {
        return Err(ApiError::card("invalid_cvc", "Your card's security code is invalid.").param("cvc").into());
    }
    Ok((taken, expiry, params.cvc.is_some()))
}

fn missing(param: &str) -> ApiError {
    ApiError::coded("parameter_missing", format!("Missing required param: {param}.")).param(param)
}

async fn token_card(call: &Call, token: &str, param: &str) -> Result<Taken> {
    let unknown = || ApiError::coded("resource_missing", format!("No such token: '{token}'")).param(param);
    Ok(take(call, CardSource::Token(token)).await?.ok_or_else(unknown)?)
}

/// Checks month and year, which may have two digits, of a card that must not have expired.
pub fn read_expiry(month: i64, year: i64, now: Timestamp) -> Result<(u8, u16), ApiError> {
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
    use api::form::Form;

    #[test]
    fn a_card_number_cannot_be_shown() {
        let mut form = Form::default();
        form.decode(b"type=card&card[number]=4242424242424242&card[cvc]=987").unwrap();
        let params = PaymentMethodDataParams::parse(form.into_params(), "").unwrap();
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
}
