//! What only an administrator does: roles, schema, migrations, SQL views.
//!
//! The functions take a connection that may act for the role `florin_owner`: a superuser's, `florin_owner`'s own, or
//! that of one of its members.

mod store;

pub use store::roles::{ensure_roles, excessive_privileges, unlimited_analysts};
pub use store::schema::{AdmitError, admit_analyst, latest_version, migrate, open_books, opened};
pub use store::views::open_views;
