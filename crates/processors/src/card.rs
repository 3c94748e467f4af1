//! Cards on their way to a processor, and what may be known of them afterwards.

/// A card as a client presents it.
#[derive(Clone, Copy)]
pub enum CardSource<'a> {
    /// Digits, with spaces or dashes between them.
    Number(&'a str),
    /// The name of a test payment method: `pm_card_visa`.
    Method(&'a str),
    /// A token: `tok_visa`.
    Token(&'a str),
}

/// What may be known of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFacts {
    /// `visa`, `mastercard`, `amex`, …
    pub brand: String,
    /// The issuer's, ISO 3166-1 alpha-2.
    pub country: String,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    pub last4: String,
    /// 16 letters and digits, the same for the same number within one tenant.
    pub fingerprint: String,
    /// What attempts carry.
    pub credential: String,
    pub checks: Checks,
}

/// What the issuer says of the details given with the card; each `pass`, `fail` or `unavailable`. Details that were not
/// given are not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    pub cvc: &'static str,
    pub line1: &'static str,
    pub postal_code: &'static str,
}

/// Why a card is refused before any attempt. No text repeats the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRefusal {
    /// The API's error code: `incorrect_number`.
    pub code: &'static str,
    pub decline_code: Option<&'static str>,
    /// For the payer.
    pub message: String,
}
