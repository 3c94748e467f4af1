//! What a connection sends: one request after the other, each perhaps made from the answer before.

use super::request::{Caller, Writer};
use std::sync::Arc;

/// Of ten payments of the mixture that many are captured by a request of their own.
const CAPTURED_OF_TEN: usize = 3;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One request a payment: created and confirmed.
    Payments,
    /// The same with metadata, to have something to search for.
    Orders,
    /// Ten payments are created, confirmed and read, 3 of them captured, 1 refunded in part; 1 list of 10 is read.
    Mix,
    Intent,
    Intents,
    Search,
    Events,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Workload::Payments => "payments",
            Workload::Orders => "payments with metadata",
            Workload::Mix => "mixture",
            Workload::Intent => "one payment intent",
            Workload::Intents => "list of 100 payment intents",
            Workload::Search => "search by metadata",
            Workload::Events => "list of 100 events",
        }
    }

    pub fn makes_payments(self) -> bool {
        matches!(self, Workload::Payments | Workload::Orders | Workload::Mix)
    }
}

/// Where a payment of the mixture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Create,
    Confirm,
    Capture,
    Read,
    Refund,
    List,
}

/// What one connection sends.
pub struct Script {
    workload: Workload,
    writer: Writer,
    stage: Stage,
    /// Payments of the mixture that were finished.
    number: usize,
    /// The payment intent that the mixture is at.
    intent: String,
}

impl Script {
    /// `turn` tells the connections apart.
    pub fn new(workload: Workload, callers: Arc<Vec<Caller>>, turn: usize) -> Script {
        // Connections are at different payments of ten, so that each kind of request comes at a steady rate.
        let writer = Writer::new(callers, turn);
        Script { workload, writer, stage: Stage::Create, number: turn, intent: String::new() }
    }

    /// Writes the next request.
    pub fn next(&mut self) -> &[u8] {
        match self.workload {
            Workload::Mix => self.next_of_mix(),
            Workload::Payments => {
                self.writer.next_caller();
                let amount = self.amount();
                self.writer.post("/v1/payment_intents", format_args!("amount={amount}&{PAYMENT}&confirm=true"));
            }
            Workload::Orders => {
                self.writer.next_caller();
                let (amount, order) = (self.amount(), self.writer.draw(usize::MAX));
                self.writer.post(
                    "/v1/payment_intents",
                    format_args!("amount={amount}&{PAYMENT}&confirm=true&metadata%5Border%5D={order:016x}"),
                );
            }
            Workload::Intent => self.read("/v1/payment_intents/", |caller| &caller.intents, ""),
            Workload::Search => {
                self.read(
                    "/v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%27",
                    |caller| &caller.orders,
                    "%27",
                );
            }
            Workload::Intents => self.get("/v1/payment_intents?limit=100"),
            Workload::Events => self.get("/v1/events?limit=100"),
        }
        self.writer.request()
    }

    /// Takes note of the answer to the latest request; says whether that completed a payment.
    pub fn answered(&mut self, body: &[u8]) -> bool {
        match self.workload {
            Workload::Payments | Workload::Orders => true,
            Workload::Mix => self.advance(body),
            _ => false,
        }
    }

    /// The latest request was not answered as it should have been: the mixture goes on with another payment.
    pub fn failed(&mut self) {
        self.finish();
    }

    fn amount(&mut self) -> usize {
        1_000 + self.writer.draw(9_000)
    }

    fn get(&mut self, path: &str) {
        self.writer.next_caller();
        self.writer.get(path);
    }

    fn read(&mut self, before: &str, of: fn(&Caller) -> &Vec<String>, after: &str) {
        self.writer.next_caller();
        let known = self.writer.caller().map_or(0, |caller| of(caller).len());
        let drawn = self.writer.draw(known);
        let id = self.writer.caller().and_then(|caller| of(caller).get(drawn)).map_or("", String::as_str);
        let path = format!("{before}{id}{after}");
        self.writer.get(&path);
    }

    fn next_of_mix(&mut self) {
        let Script { writer, intent, .. } = self;
        match self.stage {
            Stage::Create => {
                writer.next_caller();
                let amount = 1_000 + writer.draw(9_000);
                let capture = if is_captured(self.number) { "manual" } else { "automatic" };
                writer.post("/v1/payment_intents", format_args!("amount={amount}&{PAYMENT}&capture_method={capture}"));
            }
            Stage::Confirm => writer.post(&format!("/v1/payment_intents/{intent}/confirm"), format_args!("")),
            Stage::Capture => writer.post(&format!("/v1/payment_intents/{intent}/capture"), format_args!("")),
            Stage::Read => writer.get(&format!("/v1/payment_intents/{intent}")),
            Stage::Refund => {
                writer.post("/v1/refunds", format_args!("payment_intent={intent}&amount=500"));
            }
            Stage::List => writer.get("/v1/payment_intents?limit=10"),
        }
    }

    fn advance(&mut self, body: &[u8]) -> bool {
        let confirmed = self.stage == Stage::Confirm;
        self.stage = match self.stage {
            Stage::Create => {
                self.intent.clear();
                self.intent.push_str(first_id(body));
                Stage::Confirm
            }
            Stage::Confirm if is_captured(self.number) => Stage::Capture,
            Stage::Confirm | Stage::Capture => Stage::Read,
            Stage::Read if self.number % 10 == CAPTURED_OF_TEN => Stage::Refund,
            Stage::Read if self.number % 10 == CAPTURED_OF_TEN + 1 => Stage::List,
            Stage::Read | Stage::Refund | Stage::List => {
                self.finish();
                Stage::Create
            }
        };
        confirmed
    }

    fn finish(&mut self) {
        self.stage = Stage::Create;
        self.number = self.number.wrapping_add(1);
    }
}

/// What every payment is made with.
const PAYMENT: &str = "currency=usd&payment_method=pm_card_visa&payment_method_types%5B%5D=card";

fn is_captured(number: usize) -> bool {
    number % 10 < CAPTURED_OF_TEN
}

/// The `id` of an object that is shown, which comes first of its attributes.
fn first_id(body: &[u8]) -> &str {
    let mut parts = body.split(|byte| *byte == b'"');
    let is_id = parts.nth(1) == Some(b"id");
    let id = parts.nth(1).filter(|_| is_id).unwrap_or_default();
    std::str::from_utf8(id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn script(workload: Workload, callers: Vec<Caller>) -> Script {
        Script::new(workload, Arc::new(callers), 0)
    }

    fn line(request: &[u8]) -> String {
        String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn finds_ids() {
        assert_eq!(first_id(b"{\n  \"id\": \"pi_1\",\n  \"object\": \"payment_intent\"\n}"), "pi_1");
        for other in ["", "{}", "{\"object\": \"list\"}", "{\"id\"", "{\"id\": "] {
            assert_eq!(first_id(other.as_bytes()), "", "{other}");
        }
    }

    #[test]
    fn mixes_in_proportion() {
        let mut script = script(Workload::Mix, vec![Caller::new("h", "k")]);
        let (mut sent, mut payments): (BTreeMap<String, u32>, u32) = (BTreeMap::new(), 0);
        while payments < 100 || script.stage != Stage::Create {
            *sent.entry(line(script.next())).or_default() += 1;
            payments += u32::from(script.answered(b"{\"id\": \"pi_7\"}"));
        }
        let expected = [
            ("GET /v1/payment_intents/pi_7 HTTP/1.1", 100),
            ("GET /v1/payment_intents?limit=10 HTTP/1.1", 10),
            ("POST /v1/payment_intents HTTP/1.1", 100),
            ("POST /v1/payment_intents/pi_7/capture HTTP/1.1", 30),
            ("POST /v1/payment_intents/pi_7/confirm HTTP/1.1", 100),
            ("POST /v1/refunds HTTP/1.1", 10),
        ];
        assert_eq!(sent, expected.map(|(line, count)| (line.to_owned(), count)).into());
    }

    #[test]
    fn a_failed_payment_of_the_mixture_is_left() {
        let mut script = script(Workload::Mix, vec![Caller::new("h", "k")]);
        script.next();
        script.answered(b"{\"id\": \"pi_7\"}");
        script.failed();
        assert_eq!(line(script.next()), "POST /v1/payment_intents HTTP/1.1");
    }

    #[test]
    fn reads_what_is_known() {
        let mut caller = Caller::new("h", "k");
        caller.intents = vec!["pi_1".to_owned()];
        caller.orders = vec!["0007".to_owned()];
        let mut script = script(Workload::Intent, vec![caller]);
        assert_eq!(line(script.next()), "GET /v1/payment_intents/pi_1 HTTP/1.1");
        assert!(!script.answered(b"{}"));
        script.workload = Workload::Search;
        let expected = "GET /v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%270007%27 HTTP/1.1";
        assert_eq!(line(script.next()), expected);
    }
}
