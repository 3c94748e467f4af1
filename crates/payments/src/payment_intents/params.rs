//! The parameters of payment intents. What an endpoint does not take is refused by name.

use super::amount_details::AmountDetailsParams;
use crate::contact::{ShippingParams, check_email};
use crate::intent::{AutomaticPaymentMethodsParams, MethodTypes, type_names};
use crate::payment_methods::PaymentMethodDataParams;
use crate::statement::check_statement;
use api::choice::{Choice, chosen};
use api::error::ApiError;
use api::form::Node;
use api::metadata::MetadataParam;
use api::params::{Param, Unsettable, assign};
use api::url::Url;
use api::{choices, params};
use domain::payments::intent::{FutureUsage, ThreeDSecure};
use domain::payments::payment_intent::{
    self, AmountDetails, CaptureMethod, CardOptions, ConfirmationMethod, IfAvailable, PaymentDetails, PaymentIntent,
};
use serde_json::{Value, json};
use types::Currency;

choices! {
    pub enum CardCaptureMethodParam { Manual = "manual", }
    pub enum OffSessionKind { OneOff = "one_off", Recurring = "recurring", }
    /// Why a caller cancels.
    pub enum CancellationReason {
        Abandoned = "abandoned",
        Duplicate = "duplicate",
        Fraudulent = "fraudulent",
        RequestedByCustomer = "requested_by_customer",
    }
}

impl CancellationReason {
    pub fn into_domain(self) -> payment_intent::CancellationReason {
        use payment_intent::CancellationReason as Reason;
        match self {
            CancellationReason::Abandoned => Reason::Abandoned,
            CancellationReason::Duplicate => Reason::Duplicate,
            CancellationReason::Fraudulent => Reason::Fraudulent,
            CancellationReason::RequestedByCustomer => Reason::RequestedByCustomer,
        }
    }
}

/// `off_session`: whether the payer is absent, or why.
#[derive(Clone, Copy, Debug)]
pub struct OffSession(pub bool);

impl Param for OffSession {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        if OffSessionKind::parse(node.clone(), name).is_ok() {
            return Ok(OffSession(true));
        }
        bool::parse(node, name).map(OffSession)
    }

    fn schema() -> Value {
        json!({ "anyOf": [bool::schema(), OffSessionKind::schema()] })
    }
}

params! {
    pub struct CardOptionsParams {
        pub capture_method: Option<Unsettable<CardCaptureMethodParam>>,
        pub request_incremental_authorization: Option<Choice<IfAvailable>>,
        pub request_multicapture: Option<Choice<IfAvailable>>,
        pub request_overcapture: Option<Choice<IfAvailable>>,
        pub request_three_d_secure: Option<Choice<ThreeDSecure>>,
        pub setup_future_usage: Option<Unsettable<Choice<FutureUsage>>>,
        pub statement_descriptor_suffix_kana max 22: Option<Unsettable<String>>,
        pub statement_descriptor_suffix_kanji max 17: Option<Unsettable<String>>,
    }

    pub struct MethodOptionsParams {
        pub card: Option<Unsettable<CardOptionsParams>>,
    }

    pub struct PaymentDetailsParams {
        pub customer_reference max 500: Option<Unsettable<String>>,
        pub order_reference max 500: Option<Unsettable<String>>,
    }

    /// What callers may say about an intent at any time before it is paid.
    pub struct DetailParams {
        pub amount_details: Option<Unsettable<AmountDetailsParams>>,
        pub payment_details: Option<Unsettable<PaymentDetailsParams>>,
        pub payment_method: Option<String>,
        pub payment_method_data: Option<PaymentMethodDataParams>,
        pub payment_method_options: Option<MethodOptionsParams>,
        pub receipt_email max 512: Option<Unsettable<String>>,
        pub setup_future_usage: Option<Unsettable<Choice<FutureUsage>>>,
        pub shipping: Option<Unsettable<ShippingParams>>,
        pub capture_method: Option<Choice<CaptureMethod>>,
    }

    /// What callers may say about an intent from its creation on.
    pub struct DescriptionParams {
        pub customer: Option<String>,
        pub description max 1_000: Option<Unsettable<String>>,
        pub metadata: Option<MetadataParam>,
        pub payment_method_types: Option<MethodTypes>,
        pub statement_descriptor max 22: Option<Unsettable<String>>,
        pub statement_descriptor_suffix max 22: Option<Unsettable<String>>,
        pub transfer_group: Option<Unsettable<String>>,
    }

    /// How to confirm.
    pub struct ConfirmationParams {
        pub error_on_requires_action: Option<bool>,
        pub off_session: Option<OffSession>,
        pub return_url: Option<Url>,
        pub use_stripe_sdk: Option<bool>,
    }

    pub struct CreateParams {
        pub amount: i64,
        pub currency: Currency,
        pub automatic_payment_methods: Option<AutomaticPaymentMethodsParams>,
        pub confirm: Option<bool>,
        pub confirmation_method: Option<Choice<ConfirmationMethod>>,
        ..description: DescriptionParams,
        ..details: DetailParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct UpdateParams {
        pub amount: Option<i64>,
        pub currency: Option<Currency>,
        ..description: DescriptionParams,
        ..details: DetailParams,
    }

    pub struct ConfirmParams {
        /// What the caller believes the amount to be.
        pub amount_to_confirm: Option<i64>,
        pub client_secret: Option<String>,
        ..details: DetailParams,
        ..confirmation: ConfirmationParams,
    }

    pub struct CaptureParams {
        pub amount_to_capture: Option<i64>,
        pub final_capture: Option<bool>,
        pub metadata: Option<MetadataParam>,
        pub statement_descriptor max 22: Option<String>,
        pub statement_descriptor_suffix max 22: Option<String>,
    }

    pub struct CancelParams {
        pub cancellation_reason: Option<CancellationReason>,
    }

    pub struct IncrementParams {
        pub amount: i64,
        pub description max 1_000: Option<String>,
        pub metadata: Option<MetadataParam>,
        pub statement_descriptor max 22: Option<String>,
    }

    #[allow(dead_code, reason = "read, so that nonsense is refused before the intent is looked at")]
    pub struct ApplyBalanceParams {
        pub amount: Option<i64>,
        pub currency: Option<Currency>,
    }

    pub struct FilterParams {
        pub customer: Option<String>,
    }

    pub struct LineItemsParams {
        pub limit: Option<i64>,
        pub starting_after: Option<String>,
        pub ending_before: Option<String>,
    }
}

impl CardOptionsParams {
    pub fn apply(self, options: &mut CardOptions) {
        let set = |option: &mut Option<IfAvailable>, param| *option = chosen(param).or(*option);
        set(&mut options.request_incremental_authorization, self.request_incremental_authorization);
        set(&mut options.request_multicapture, self.request_multicapture);
        set(&mut options.request_overcapture, self.request_overcapture);
        options.request_three_d_secure = chosen(self.request_three_d_secure).or(options.request_three_d_secure);
        if let Some(value) = self.capture_method {
            options.capture_method = value.into_option().map(|_| CaptureMethod::Manual);
        }
        if let Some(value) = self.setup_future_usage {
            options.setup_future_usage = chosen(value.into_option());
        }
        assign(&mut options.statement_descriptor_suffix_kana, self.statement_descriptor_suffix_kana);
        assign(&mut options.statement_descriptor_suffix_kanji, self.statement_descriptor_suffix_kanji);
    }
}

impl DetailParams {
    /// Whether anything that decides how much is paid, and with what, is to change.
    pub fn is_open_only(&self) -> bool {
        self.payment_method.is_some()
            || self.payment_method_data.is_some()
            || self.payment_method_options.is_some()
            || self.setup_future_usage.is_some()
            || self.capture_method.is_some()
    }

    /// Changes everything except the payment method, which has to be looked up.
    pub fn apply(self, intent: &mut PaymentIntent) -> Result<(), ApiError> {
        match self.payment_method_options.and_then(|options| options.card) {
            Some(Unsettable::Set(card)) => card.apply(&mut intent.card_options),
            Some(Unsettable::Unset) => intent.card_options = CardOptions::default(),
            None => (),
        }
        if let Some(Unsettable::Set(email)) = &self.receipt_email {
            check_email("receipt_email", email)?;
        }
        intent.given_by_payer.receipt_email &= self.receipt_email.is_none();
        assign(&mut intent.receipt_email, self.receipt_email);
        if let Some(usage) = self.setup_future_usage {
            intent.setup_future_usage = chosen(usage.into_option());
        }
        if let Some(shipping) = self.shipping {
            intent.given_by_payer.shipping = false;
            intent.shipping = shipping.into_option().map(ShippingParams::into_shipping);
        }
        if let Some(Choice(method)) = self.capture_method {
            intent.capture_method = method;
        }
        match self.amount_details {
            Some(Unsettable::Set(details)) => details.apply(intent),
            Some(Unsettable::Unset) => {
                (intent.amount_details, intent.line_items) = (AmountDetails::default(), Vec::new());
            }
            None => (),
        }
        if let Some(details) = self.payment_details {
            intent.payment_details = details.into_option().map(|details| PaymentDetails {
                customer_reference: details.customer_reference.and_then(Unsettable::into_option),
                order_reference: details.order_reference.and_then(Unsettable::into_option),
            });
        }
        Ok(())
    }
}

impl DescriptionParams {
    /// Changes everything except the customer, which has to be looked up.
    pub fn apply(self, intent: &mut PaymentIntent) -> Result<(), ApiError> {
        assign(&mut intent.description, self.description);
        self.metadata.unwrap_or_default().apply(&mut intent.metadata)?;
        if let Some(Unsettable::Set(text)) = &self.statement_descriptor {
            check_statement("statement_descriptor", text)?;
        }
        if let Some(Unsettable::Set(text)) = &self.statement_descriptor_suffix {
            check_statement("statement_descriptor_suffix", text)?;
        }
        assign(&mut intent.statement_descriptor, self.statement_descriptor);
        assign(&mut intent.statement_descriptor_suffix, self.statement_descriptor_suffix);
        assign(&mut intent.transfer_group, self.transfer_group);
        if let Some(types) = self.payment_method_types {
            intent.payment_method_types = type_names(&types);
        }
        Ok(())
    }
}
