//! The parameters of setup intents. What an endpoint does not take is refused by name.

use crate::intent::{AutomaticPaymentMethodsParams, MethodTypes};
use crate::payment_methods::PaymentMethodDataParams;
use api::choice::Choice;
use api::metadata::MetadataParam;
use api::params;
use api::params::Unsettable;
use api::url::Url;
use domain::payments::intent::{FutureUsage, ThreeDSecure};
use domain::payments::setup_intent::CancellationReason;

params! {
    pub struct CardOptionsParams { pub request_three_d_secure: Option<Choice<ThreeDSecure>>, }
    pub struct MethodOptionsParams { pub card: Option<CardOptionsParams>, }

    pub struct DetailParams {
        pub customer: Option<String>,
        pub description max 1_000: Option<Unsettable<String>>,
        pub metadata: Option<MetadataParam>,
        pub payment_method_types: Option<MethodTypes>,
    }

    pub struct MethodParams {
        pub payment_method: Option<String>,
        pub payment_method_data: Option<PaymentMethodDataParams>,
        pub payment_method_options: Option<MethodOptionsParams>,
    }

    pub struct ConfirmationParams {
        pub return_url: Option<Url>,
        pub use_stripe_sdk: Option<bool>,
    }

    pub struct CreateParams {
        pub automatic_payment_methods: Option<AutomaticPaymentMethodsParams>,
        pub confirm: Option<bool>,
        pub usage: Option<Choice<FutureUsage>>,
        ..details: DetailParams,
        ..method: MethodParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct UpdateParams {
        ..details: DetailParams,
        ..method: MethodParams,
    }

    pub struct ConfirmParams {
        pub client_secret: Option<String>,
        ..method: MethodParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct CancelParams { pub cancellation_reason: Option<Choice<CancellationReason>>, }

    pub struct FilterParams {
        pub customer: Option<String>,
        pub payment_method: Option<String>,
    }
}
