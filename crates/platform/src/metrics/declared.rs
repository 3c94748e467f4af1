//! How metrics are declared: each with its name, its labels and what it means, in the crate that measures it.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, SharedString};

/// One metric.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// What `# HELP` says, and the documentation.
    pub help: &'static str,
    pub labels: &'static [Labelled],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A label. Its values are few: never ids, and never what strangers send.
#[derive(Debug)]
pub struct Labelled {
    pub name: &'static str,
    /// All values that there are; empty if they are listed elsewhere, such as endpoints.
    pub values: &'static [&'static str],
}

static METADATA: Metadata<'static> = Metadata::new("florin", Level::INFO, None);

impl Metric {
    /// The values are those of the labels, in their order.
    #[doc(hidden)]
    pub fn key<const N: usize>(&self, values: [SharedString; N]) -> Key {
        let label = |(label, value): (&Labelled, SharedString)| {
            let text: &str = &value;
            let known = label.values.is_empty() || label.values.contains(&text);
            debug_assert!(known, "{}: {} is declared without the value {text:?}", self.name, label.name);
            Label::new(label.name, value)
        };
        Key::from_parts(self.name, self.labels.iter().zip(values).map(label).collect::<Vec<_>>())
    }

    /// Tells the recorder what it means. A counter whose values are all known begins with 0: an alarm sees the first step
    /// of a counter only if it was there before.
    pub(super) fn describe(&self) {
        let help: SharedString = self.help.trim().to_owned().into();
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(self.name.into(), None, help),
            Kind::Gauge => recorder.describe_gauge(self.name.into(), None, help),
            Kind::Histogram => recorder.describe_histogram(self.name.into(), None, help),
        });
        if self.kind == Kind::Counter {
            for labels in self.all_labels() {
                counter(&Key::from_parts(self.name, labels)).increment(0);
            }
        }
    }

    /// Every combination of the labels' values; none if a label's are not known.
    fn all_labels(&self) -> Vec<Vec<Label>> {
        self.labels.iter().fold(vec![Vec::new()], |begun, label| {
            let with = |begun: &Vec<Label>, value: &'static str| {
                begun.iter().cloned().chain([Label::new(label.name, value)]).collect()
            };
            begun.iter().flat_map(|begun| label.values.iter().copied().map(move |value| with(begun, value))).collect()
        })
    }
}

#[doc(hidden)]
pub fn counter(key: &Key) -> Counter {
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA))
}

#[doc(hidden)]
pub fn gauge(key: &Key) -> Gauge {
    metrics::with_recorder(|recorder| recorder.register_gauge(key, &METADATA))
}

#[doc(hidden)]
pub fn histogram(key: &Key) -> Histogram {
    metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA))
}

/// Declares the metrics of a crate: a function for each, which takes the values of its labels, and `METRICS`, all of them.
///
/// ```ignore
/// platform::metrics! {
///     /// Requests that were refused.
///     counter refused("florin_refused_total") { reason: ["full", "slow"] }
/// }
/// refused("full").increment(1);
/// ```
#[macro_export]
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $kind:ident $function:ident($name:literal)
        $({ $($label:ident $(: [$($value:expr),+ $(,)?])?),+ $(,)? })?)+) => {
        /// All metrics that are declared here.
        pub static METRICS: &[$crate::metrics::Metric] = &[$(
            $crate::metrics::Metric {
                name: $name,
                kind: $crate::metrics!(@kind $kind),
                help: concat!($($help),+),
                labels: &[$($($crate::metrics::Labelled { name: stringify!($label), values: &[$($($value),+)?] }),+)?],
            },
        )+];
        $($crate::metrics! { @function [$(#[doc = $help])+] $kind $function $name [$($($label)+)?] })+
    };
    (@kind counter) => { $crate::metrics::Kind::Counter };
    (@kind gauge) => { $crate::metrics::Kind::Gauge };
    (@kind histogram) => { $crate::metrics::Kind::Histogram };
    (@handle counter) => { $crate::metrics::Counter };
    (@handle gauge) => { $crate::metrics::Gauge };
    (@handle histogram) => { $crate::metrics::Histogram };
    (@function [$(#[$doc:meta])+] $kind:ident $function:ident $name:literal []) => {
        $(#[$doc])+
        pub(crate) fn $function() -> $crate::metrics!(@handle $kind) {
            static KEY: $crate::metrics::Key = $crate::metrics::Key::from_static_name($name);
            $crate::metrics::declared::$kind(&KEY)
        }
    };
    (@function [$(#[$doc:meta])+] $kind:ident $function:ident $name:literal [$($label:ident)+]) => {
        $(#[$doc])+
        pub(crate) fn $function($($label: impl Into<$crate::metrics::SharedString>),+) -> $crate::metrics!(@handle $kind) {
            #[allow(clippy::expect_used, reason = "the macro writes both")]
            let metric = METRICS.iter().find(|metric| metric.name == $name).expect("a metric of the list");
            $crate::metrics::declared::$kind(&metric.key([$($label.into()),+]))
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_combined() {
        const ONE: Labelled = Labelled { name: "one", values: &["a", "b"] };
        const OTHER: Labelled = Labelled { name: "other", values: &["c", "d", "e"] };
        const OPEN: Labelled = Labelled { name: "open", values: &[] };
        let combined = |labels| Metric { name: "x_total", kind: Kind::Counter, help: "", labels }.all_labels().len();
        assert_eq!((combined(&[]), combined(&[ONE, OTHER]), combined(&[ONE, OPEN])), (1, 6, 0));
    }
}
