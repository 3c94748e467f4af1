use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $prefix:literal;)*) => {
        /// The kinds of object: the number is what the store keeps, and never changes its meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum Kind { $($(#[$doc])* $variant = $code,)* }

        impl Kind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// What the `object` attribute says: `payment_intent`.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// What an id begins with: `pi`.
            pub const fn prefix(self) -> &'static str {
                match self { $(Kind::$variant => $prefix,)* }
            }
        }
    };
}

kinds! {
    Customer = 1, "customer", "cus";
    PaymentMethod = 2, "payment_method", "pm";
    PaymentIntent = 3, "payment_intent", "pi";
    Charge = 4, "charge", "ch";
    Refund = 5, "refund", "re";
    BalanceTransaction = 6, "balance_transaction", "txn";
    /// One request to a processor, with what it answered.
    Attempt = 7, "attempt", "att";
    /// The balance as it was when funds became available; `GET /v1/balance` itself is computed.
    Balance = 8, "balance", "bal";
    SetupIntent = 9, "setup_intent", "seti";
    SetupAttempt = 10, "setup_attempt", "setatt";
}

impl Kind {
    /// The number that the store keeps.
    pub const fn code(self) -> i16 {
        self as i16
    }

    pub fn from_code(code: i16) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    pub fn from_prefix(prefix: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.prefix() == prefix)
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
