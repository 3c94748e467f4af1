//! The Processor trait and its implementations.
