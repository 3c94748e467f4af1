//! Objects and state machines, pure: no IO, no clock, no randomness of their own.
