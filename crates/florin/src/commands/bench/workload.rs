//! The kinds of load: which requests are sent.

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One request creates and confirms a payment.
    Payments,
    /// The same; this share of the requests, in percent, repeats an earlier one that was answered, key and all.
    Repeated(u8),
    /// Payments with metadata and a customer, for reads later.
    Orders,
    /// The customers of the orders.
    Customers,
    /// For ten payments: 10 are created, confirmed and read, 3 captured, 1 refunded in part, and 1 list of 10 is read.
    Mix,
    Intent,
    Intents,
    OfCustomer,
    Charges,
    Search,
    Event,
    Events,
    RareEvents,
    /// Searches that look at all payments and find none.
    Scans,
}

impl Workload {
    /// What `--reads` measures.
    pub const READS: &[Workload] = &[
        Workload::Intent,
        Workload::Intents,
        Workload::OfCustomer,
        Workload::Charges,
        Workload::Search,
        Workload::Event,
        Workload::Events,
        Workload::RareEvents,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Workload::Payments => "payments",
            Workload::Repeated(_) => "payments, some repeated",
            Workload::Orders => "payments with metadata",
            Workload::Customers => "customers",
            Workload::Mix => "mixture",
            Workload::Intent => "one payment intent",
            Workload::Intents => "list of 100 payment intents",
            Workload::OfCustomer => "payment intents of a customer",
            Workload::Charges => "charges of a payment intent",
            Workload::Search => "search by metadata",
            Workload::Event => "one event",
            Workload::Events => "list of 100 events",
            Workload::RareEvents => "10 events of a rare type",
            Workload::Scans => "searches in vain",
        }
    }

    pub fn makes_payments(self) -> bool {
        matches!(self, Workload::Payments | Workload::Repeated(_) | Workload::Orders | Workload::Mix)
    }
}
