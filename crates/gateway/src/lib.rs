//! The public edge: HTTP, authentication, limits.
