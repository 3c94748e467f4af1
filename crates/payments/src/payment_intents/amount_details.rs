//! The parameter `amount_details`: what an amount consists of.

use api::params;
use api::params::{List, Unsettable, assign};
use domain::payments::payment_intent::{AmountShipping, PaymentIntent};
use serde_json::{Value, json};

params! {
    pub struct TaxParams { pub total_tax_amount: i64, }
    pub struct AmountShippingParams {
        pub amount: Option<i64>,
        pub from_postal_code max 10: Option<String>,
        pub to_postal_code max 10: Option<String>,
    }
    pub struct LineItemParams {
        pub product_name max 1_024: String,
        pub quantity: i64,
        pub unit_cost: i64,
        pub product_code max 12: Option<String>,
        pub unit_of_measure max 12: Option<String>,
        pub discount_amount: Option<i64>,
        pub tax: Option<TaxParams>,
    }
    pub struct AmountDetailsParams {
        pub discount_amount: Option<Unsettable<i64>>,
        pub line_items: Option<Unsettable<List<LineItemParams, 200>>>,
        pub shipping: Option<Unsettable<AmountShippingParams>>,
        pub tax: Option<Unsettable<TaxParams>>,
    }
}

impl AmountDetailsParams {
    pub fn apply(self, intent: &mut PaymentIntent) {
        let details = &mut intent.amount_details;
        assign(&mut details.discount_amount, self.discount_amount);
        if let Some(shipping) = self.shipping {
            details.shipping = shipping.into_option().map(|shipping| AmountShipping {
                amount: shipping.amount,
                from_postal_code: shipping.from_postal_code,
                to_postal_code: shipping.to_postal_code,
            });
        }
        if let Some(tax) = self.tax {
            details.total_tax_amount = tax.into_option().map(|tax| tax.total_tax_amount);
        }
        if let Some(items) = self.line_items {
            intent.line_items = line_items(intent, items.into_option().map(|List(items)| items).unwrap_or_default());
        }
    }
}

fn line_items(intent: &PaymentIntent, items: Vec<LineItemParams>) -> Vec<Value> {
    let suffix = intent.id.to_string().replace("pi_", "");
    let item = |(at, item): (usize, LineItemParams)| {
        json!({
            "id": format!("uli_{suffix}{at:03}"),
            "object": "payment_intent_amount_details_line_item",
            "discount_amount": item.discount_amount,
            "payment_method_options": null,
            "product_code": item.product_code,
            "product_name": item.product_name,
            "quantity": item.quantity,
            "tax": item.tax.map(|tax| json!({ "total_tax_amount": tax.total_tax_amount })),
            "unit_cost": item.unit_cost,
            "unit_of_measure": item.unit_of_measure,
        })
    };
    items.into_iter().enumerate().map(item).collect()
}
