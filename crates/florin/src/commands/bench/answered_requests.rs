//! What was sent and answered, so that it can be sent again: over any connection, and to any server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From how many of the last requests the one is drawn that is repeated.
const KEPT: usize = 10_000;

/// A request that was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct AnsweredRequest {
    pub bytes: Vec<u8>,
    pub key: String,
    /// The id in its answer.
    pub id: String,
}

/// The last requests that were answered. Clones share them.
#[derive(Clone, Default)]
pub struct AnsweredRequests(Arc<Mutex<VecDeque<Arc<AnsweredRequest>>>>);

impl AnsweredRequests {
    pub fn len(&self) -> usize {
        self.requests().len()
    }

    pub fn keep(&self, request: AnsweredRequest) {
        let mut requests = self.requests();
        // The oldest makes room.
        if requests.len() == KEPT {
            requests.pop_front();
        }
        requests.push_back(Arc::new(request));
    }

    /// The request with that number.
    pub fn get(&self, number: usize) -> Option<Arc<AnsweredRequest>> {
        self.requests().get(number).cloned()
    }

    fn requests(&self) -> MutexGuard<'_, VecDeque<Arc<AnsweredRequest>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `id` of an object in an answer: it is the first attribute.
pub fn first_id(body: &[u8]) -> &str {
    let mut parts = body.split(|byte| *byte == b'"');
    let is_id = parts.nth(1) == Some(b"id");
    let id = parts.nth(1).filter(|_| is_id).unwrap_or_default();
    std::str::from_utf8(id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ids() {
        assert_eq!(first_id(b"{\n  \"id\": \"pi_1\",\n  \"object\": \"payment_intent\"\n}"), "pi_1");
        for other in ["", "{}", "{\"object\": \"list\"}", "{\"id\"", "{\"id\": "] {
            assert_eq!(first_id(other.as_bytes()), "", "{other}");
        }
    }

    #[test]
    fn keeps_the_last_ones() {
        let answered = AnsweredRequests::default();
        assert_eq!((answered.len(), answered.get(0)), (0, None));
        for number in 0..KEPT + 5 {
            answered.keep(AnsweredRequest { bytes: Vec::new(), key: String::new(), id: format!("pi_{number}") });
        }
        assert_eq!(answered.clone().len(), KEPT);
        assert_eq!(answered.get(0).unwrap().id, "pi_5");
    }
}
