use crate::parsed::parsed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An ISO 4217 currency that payments are taken in, shown in lower case (`usd`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// The text is not a currency that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency: {0}")]
pub struct UnknownCurrency(pub String);

/// ISO 4217, active codes of national currencies; the exponent is 2 unless listed below.
const KNOWN: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd \
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg \
    huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop \
    mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr \
    sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf \
    yer zar zmw";
/// Minor units do not exist: an amount counts whole units.
const ZERO_DECIMAL: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
const THREE_DECIMAL: &str = "bhd jod kwd omr tnd";
/// The smallest charge, in minor units, where it is not 50.
const MINIMUM: &[(&str, i64)] = &[
    ("aed", 200),
    ("bgn", 100),
    ("czk", 1500),
    ("dkk", 250),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17500),
    ("jpy", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("thb", 1000),
];

/// Whether a list has a code: three letters each, and a space between them.
fn listed(list: &str, code: [u8; 3]) -> bool {
    list.as_bytes().chunks(4).any(|known| known.starts_with(&code))
}

impl Currency {
    /// US dollar, the currency of the demo tenant and of most tests.
    pub const USD: Currency = Currency(*b"usd");

    /// The lower-case code, for instance `usd`.
    pub fn code(&self) -> &str {
        // The bytes come from the ASCII table above.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals the major unit has: 2 for `usd`, 0 for `jpy`, 3 for `kwd`.
    pub fn exponent(&self) -> u32 {
        if listed(ZERO_DECIMAL, self.0) {
            0
        } else if listed(THREE_DECIMAL, self.0) {
            3
        } else {
            2
        }
    }

    /// The smallest amount that may be charged, in minor units.
    pub fn minimum_charge(&self) -> i64 {
        MINIMUM.iter().find(|(code, _)| *code == self.code()).map_or(50, |(_, amount)| *amount)
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; 3]>::try_from(text.as_bytes()).map(|code| code.map(|letter| letter.to_ascii_lowercase())) {
            Ok(code) if listed(KNOWN, code) => Ok(Currency(code)),
            _ => Err(UnknownCurrency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_exponents_and_refuses_strangers() {
        assert_eq!("USD".parse::<Currency>().unwrap().exponent(), 2);
        assert_eq!("jpy".parse::<Currency>().unwrap().exponent(), 0);
        assert_eq!("kwd".parse::<Currency>().unwrap().exponent(), 3);
        for wrong in ["", "us", "usdd", "xxx", "u d", "d u", "sd ", "ü"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong}");
        }
    }
}
