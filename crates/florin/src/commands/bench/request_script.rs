//! What a connection sends: one request after the other. A request may need the answer to the one before.

use super::answered_requests::{AnsweredRequest, AnsweredRequests, first_id};
use super::request_writer::{Caller, Known, Writer};
use super::workload::Workload;
use std::sync::Arc;

/// Of ten payments of the mixture so many are captured by a request of their own.
const CAPTURED_OF_TEN: usize = 3;
/// A type of which a tenant has few events, however many payments are stored.
pub const RARE_TYPE: &str = "setup_intent.created";

/// The next request for a payment of the mixture.
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
    /// The payment intent of the mixture's present payment.
    intent: String,
    answered: AnsweredRequests,
    /// The request that is sent again now, if one is.
    repeated: Option<Arc<AnsweredRequest>>,
}

impl Script {
    /// `turn` is the number of the connection; `answered` are the requests that may be repeated.
    pub fn new(workload: Workload, callers: Arc<Vec<Caller>>, turn: usize, answered: AnsweredRequests) -> Script {
        // Connections are at different payments of ten, so that each kind of request comes at a steady rate.
        let writer = Writer::new(callers, turn);
        Script { workload, writer, stage: Stage::Create, number: turn, intent: String::new(), answered, repeated: None }
    }

    /// Writes the next request.
    pub fn next(&mut self) -> &[u8] {
        match self.workload {
            Workload::Mix => self.next_of_mix(),
            Workload::Payments => self.payment(),
            Workload::Repeated(percent) => {
                let repeats = self.writer.draw(100) < usize::from(percent);
                let drawn = self.writer.draw(self.answered.len());
                self.repeated = if repeats { self.answered.get(drawn) } else { None };
                match &self.repeated {
                    Some(request) => self.writer.again(&request.bytes),
                    None => self.payment(),
                }
            }
            Workload::Orders => {
                self.writer.next_caller();
                let (amount, order) = (self.amount(), self.writer.draw(usize::MAX));
                let customer = self.one_of(|known| &known.customers);
                self.writer.post(
                    "/v1/payment_intents",
                    format_args!(
                        "amount={amount}&{PAYMENT}&confirm=true&customer={customer}&metadata%5Border%5D={order:016x}"
                    ),
                );
            }
            Workload::Customers => {
                self.writer.next_caller();
                self.writer.post("/v1/customers", format_args!("name=Jenny+Rosen"));
            }
            Workload::Intent => self.read("/v1/payment_intents/", |known| &known.intents, ""),
            Workload::OfCustomer => self.read("/v1/payment_intents?customer=", |known| &known.customers, ""),
            Workload::Charges => self.read("/v1/charges?payment_intent=", |known| &known.intents, ""),
            Workload::Search => {
                self.read(
                    "/v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%27",
                    |known| &known.orders,
                    "%27",
                );
            }
            Workload::Intents => self.get("/v1/payment_intents?limit=100"),
            Workload::Event => self.read("/v1/events/", |known| &known.events, ""),
            Workload::Events => self.get("/v1/events?limit=100"),
            Workload::Scans => self.get("/v1/payment_intents/search?query=amount%3E99999998"),
            Workload::RareEvents => self.get(&format!("/v1/events?type={RARE_TYPE}&limit=10")),
        }
        self.writer.request()
    }

    /// The request that `next` has written.
    pub fn request(&self) -> &[u8] {
        self.writer.request()
    }

    /// The idempotency key of a payment that is not repeated.
    pub fn key(&self) -> &str {
        &self.writer.key
    }

    /// Its body.
    pub fn form(&self) -> &[u8] {
        &self.writer.form
    }

    /// The earlier request that the latest one repeats, if it does.
    pub fn repeated(&self) -> Option<&AnsweredRequest> {
        self.repeated.as_deref()
    }

    /// Reads the answer to the latest request; `true` when that completed a payment.
    pub fn answered(&mut self, body: &[u8]) -> bool {
        match self.workload {
            Workload::Repeated(_) => {
                let (key, id) = (self.writer.key.clone(), first_id(body).to_owned());
                self.answered.keep(AnsweredRequest { bytes: self.writer.request().to_vec(), key, id });
                true
            }
            Workload::Payments | Workload::Orders => true,
            Workload::Mix => self.advance(body),
            _ => false,
        }
    }

    /// The latest request was not answered 200: the mixture continues with another payment.
    pub fn failed(&mut self) {
        self.finish();
    }

    fn payment(&mut self) {
        self.writer.next_caller();
        let amount = self.amount();
        self.writer.post("/v1/payment_intents", format_args!("amount={amount}&{PAYMENT}&confirm=true"));
    }

    fn amount(&mut self) -> usize {
        1_000 + self.writer.draw(9_000)
    }

    fn get(&mut self, path: &str) {
        self.writer.next_caller();
        self.writer.get(path);
    }

    fn read(&mut self, before: &str, of: fn(&Known) -> &Vec<String>, after: &str) {
        self.writer.next_caller();
        let path = format!("{before}{}{after}", self.one_of(of));
        self.writer.get(&path);
    }

    /// One id of those that are known of the caller; empty when none is.
    fn one_of(&mut self, of: fn(&Known) -> &Vec<String>) -> String {
        let known = self.writer.caller().map_or(0, |caller| of(&caller.known).len());
        let drawn = self.writer.draw(known);
        self.writer.caller().and_then(|caller| of(&caller.known).get(drawn)).cloned().unwrap_or_default()
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

/// Parameters of every payment.
const PAYMENT: &str = "currency=usd&payment_method=pm_card_visa&payment_method_types%5B%5D=card";

fn is_captured(number: usize) -> bool {
    number % 10 < CAPTURED_OF_TEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn script(workload: Workload, callers: Vec<Caller>) -> Script {
        Script::new(workload, Arc::new(callers), 0, AnsweredRequests::default())
    }

    fn line(request: &[u8]) -> String {
        String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn mixes_in_proportion() {
        let mut script = script(Workload::Mix, vec![Caller::new("h", "k", Known::default())]);
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
    fn repeats_requests_that_were_answered_over_any_connection() {
        let callers = Arc::new(vec![Caller::new("h", "k", Known::default())]);
        let answered = AnsweredRequests::default();
        let new = |turn| Script::new(Workload::Repeated(50), callers.clone(), turn, answered.clone());
        let mut connections = [0, 1].map(new);
        let (mut sent, mut crossed) = (BTreeMap::new(), 0);
        for number in 0..1_000 {
            let connection = number % connections.len();
            let script = &mut connections[connection];
            let request = script.next().to_vec();
            let first = sent.get(&request).copied();
            assert_eq!(script.repeated().map(|first| first.id.clone()), first.map(|(id, _)| format!("pi_{id}")));
            match first {
                Some((_, before)) => crossed += usize::from(before != connection),
                None => {
                    assert!(script.answered(format!("{{\"id\": \"pi_{number}\"}}").as_bytes()));
                    sent.insert(request, (number, connection));
                }
            }
        }
        assert!((400..600).contains(&sent.len()), "{} of 1000", sent.len());
        assert!((150..350).contains(&crossed), "{crossed} of 500");
    }

    #[test]
    fn after_a_failure_the_mixture_takes_another_payment() {
        let mut script = script(Workload::Mix, vec![Caller::new("h", "k", Known::default())]);
        script.next();
        script.answered(b"{\"id\": \"pi_7\"}");
        script.failed();
        assert_eq!(line(script.next()), "POST /v1/payment_intents HTTP/1.1");
    }

    #[test]
    fn reads_what_is_known() {
        let known = Known { intents: vec!["pi_1".to_owned()], orders: vec!["0007".to_owned()], ..Known::default() };
        let mut script = script(Workload::Intent, vec![Caller::new("h", "k", known)]);
        assert_eq!(line(script.next()), "GET /v1/payment_intents/pi_1 HTTP/1.1");
        assert!(!script.answered(b"{}"));
        script.workload = Workload::Search;
        let expected = "GET /v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%270007%27 HTTP/1.1";
        assert_eq!(line(script.next()), expected);
        script.workload = Workload::Charges;
        assert_eq!(line(script.next()), "GET /v1/charges?payment_intent=pi_1 HTTP/1.1");
    }
}
