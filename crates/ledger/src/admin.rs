//! What only an administrator does: roles, schemas, migrations, views.
//!
//! The functions take a connection that may act for the role `florin_owner`: a superuser's, `florin_owner`'s own, or
//! a member's.

pub use crate::store::admin::{
    ANALYST_ROLE, AdminError, OWNER_ROLE, SERVICE_ROLE, ensure_roles, latest_version, migrate, open_books, opened,
};
