//! The Stripe-shaped resources: one module per resource, everything shared in one place.
