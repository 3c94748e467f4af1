//! Tenants and the keys that open them.
