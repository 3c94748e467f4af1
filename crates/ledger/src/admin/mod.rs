//! What only an administrator does: roles, schema, migrations, SQL views.
//!
//! The functions take a connection that may act for the role `florin_owner` (a superuser's, `florin_owner`'s own, or that of
//! one of its members), or a transaction that does: `platform::database::store::begin_as_owner`.

mod store;

pub use store::privileges::{excessive_privileges, lacking_privileges, unlimited_analysts};
pub use store::roles::{RolesError, act_for_service, ensure_roles, harm, lacking, roles_sql};
pub use store::schema::{AdmitError, admit_analyst, migrate, open_books, opened, schema_state};
pub use store::views::open_views;
