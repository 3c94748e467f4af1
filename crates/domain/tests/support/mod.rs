//! What tests of payments begin with.

pub mod one_payment;

use domain::attempts::{Capabilities, Conditions};
use domain::books::fees::Fees;
use domain::contact::BillingDetails;
use domain::payments::payment_method::{Card, NewPaymentMethod};
use std::collections::BTreeMap;

pub fn conditions() -> Conditions {
    Conditions {
        fees: Fees { basis_points: 290, fixed: 30 },
        settlement_days: 2,
        statement_descriptor: "FLORIN".to_owned(),
        capabilities: Capabilities {
            multicapture: true,
            overcapture_percent: 20,
            increments: true,
            cancels: true,
            authorization_days: 7,
        },
        failures_max: 3,
    }
}

pub fn new_method() -> NewPaymentMethod {
    NewPaymentMethod {
        billing_details: BillingDetails::default(),
        card: Card {
            brand: "visa".to_owned(),
            country: "US".to_owned(),
            exp_month: 1,
            exp_year: 2030,
            fingerprint: "f".to_owned(),
            funding: "credit".to_owned(),
            last4: "4242".to_owned(),
            cvc_check: None,
            line1_check: None,
            postal_code_check: None,
        },
        metadata: BTreeMap::new(),
        allow_redisplay: None,
        processor: "sandbox".to_owned(),
        credential: "sandbox:ok".to_owned(),
    }
}
