//! What a connection has sent and got an answer to, so that it can be sent again.

use std::collections::VecDeque;

/// From how many of its last requests a connection draws the one that it repeats.
const KEPT: usize = 100;

/// The last requests of a connection that were answered, each with the id in its answer.
#[derive(Default)]
pub struct Answered {
    requests: VecDeque<(Vec<u8>, String)>,
    /// Which of them is sent again.
    repeated: Option<usize>,
}

impl Answered {
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn keep(&mut self, request: &[u8], id: &str) {
        // The oldest makes room.
        let mut kept = if self.requests.len() < KEPT { None } else { self.requests.pop_front() }.unwrap_or_default();
        kept.0.clear();
        kept.0.extend_from_slice(request);
        kept.1.clear();
        kept.1.push_str(id);
        self.requests.push_back(kept);
    }

    /// The request with that number, which is sent now; `None` if there is none, or without a number.
    pub fn repeat(&mut self, number: Option<usize>) -> Option<&[u8]> {
        self.repeated = number.filter(|number| *number < self.requests.len());
        self.requests.get(self.repeated?).map(|(request, _)| request.as_slice())
    }

    /// The id in the first answer to the request that is sent again, if one is.
    pub fn repeated(&self) -> Option<&str> {
        self.requests.get(self.repeated?).map(|(_, id)| id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_ones() {
        let mut answered = Answered::default();
        assert_eq!(answered.repeat(Some(0)), None);
        assert_eq!(answered.repeated(), None);
        for number in 0..KEPT + 5 {
            answered.keep(number.to_string().as_bytes(), &format!("pi_{number}"));
        }
        assert_eq!(answered.len(), KEPT);
        assert_eq!(answered.repeat(Some(0)), Some(&b"5"[..]));
        assert_eq!(answered.repeated(), Some("pi_5"));
        assert_eq!(answered.repeat(None), None);
        assert_eq!(answered.repeated(), None);
    }
}
