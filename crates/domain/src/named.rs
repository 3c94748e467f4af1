//! Enumerations whose values have names, in states, answers and parameters.

/// An enumeration whose values have names.
pub trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// The value's name: `requires_capture`.
    fn as_str(self) -> &'static str;

    /// The value of that name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == name)
    }
}

/// Declares enumerations whose values have names: `Succeeded = "succeeded"`.
macro_rules! named {
    ($($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl $crate::named::Named for $name {
            const ALL: &'static [Self] = &[$($name::$variant,)*];

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }
    )*};
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use super::*;

    named! {
        pub enum Colour { Red = "red", LightBlue = "light_blue", }
    }

    #[test]
    fn values_are_found_by_their_names() {
        assert_eq!(Colour::from_name("light_blue"), Some(Colour::LightBlue));
        assert_eq!(Colour::from_name("LightBlue"), None);
        assert_eq!(serde_json::to_string(&Colour::Red).unwrap(), "\"red\"");
    }
}
