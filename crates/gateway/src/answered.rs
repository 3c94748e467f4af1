//! What happens to every request and every answer, whatever they are about.

use crate::answer_body::{AnswerBody, Shared};
use crate::answer_headers::{new_request_id, response};
use crate::connection::{Connection, Work};
use api::Answer;
use api::error::ApiError;
use axum::Router;
use axum::response::Response;
use http::header::{CONNECTION, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use tower::ServiceExt;

/// What a request takes beside its line and headers, about.
const REQUEST_BYTES: usize = 4 << 10;
/// What a header takes beside its name and value, about.
const HEADER_BYTES: usize = 100;
/// What an answer takes beside its headers and body, about.
const ANSWER_BYTES: usize = 1 << 10;

/// Answers a request by `answer`, and counts both for its connection: the request from now on, not from when the future is polled
/// first. A listener that stops in between would take the connection for idle.
pub fn answered<B: Body, F>(
    connection: Arc<Connection>,
    request: Request<B>,
    answer: F,
) -> impl Future<Output = http::Response<AnswerBody>> + use<B, F>
where
    F: AsyncFnOnce(&mut Work, Request<B>) -> Response,
{
    let head_bytes =
        header_bytes(request.headers()) + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let (version, has_body) = (request.version(), !request.body().is_end_stream());
    let work = connection.begin(REQUEST_BYTES + head_bytes, has_body);
    worked_on(connection, work, version, request, answer)
}

async fn worked_on<B>(
    connection: Arc<Connection>,
    mut work: Work,
    version: Version,
    request: Request<B>,
    answer: impl AsyncFnOnce(&mut Work, Request<B>) -> Response,
) -> http::Response<AnswerBody> {
    let mut response = match check_host(&request) {
        Ok(()) => answer(&mut work, request).await,
        Err(error) => response(Answer::error(&error), request.headers(), &new_request_id()),
    };
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Of a body that was not read hyper throws away the rest, and answers the next request whether the client has taken this answer
    // or not.
    if (work.unread || work.should_leave()) && version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let shared = response.extensions().get::<Shared>().is_some();
    let bytes = ANSWER_BYTES + header_bytes(response.headers());
    response.map(|body| AnswerBody::new(connection, work.merchant, body, bytes, shared))
}

/// The answer of a router.
pub async fn routed(router: Router, request: Request<Incoming>) -> Response {
    let Ok(response) = router.oneshot(request).await;
    response
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_BYTES).sum()
}

/// RFC 9112, section 3.2: proxies that disagree about whom a request is for are deceived by a second one.
fn check_host<B>(request: &Request<B>) -> Result<(), ApiError> {
    match request.headers().get_all(HOST).iter().count() {
        0 if request.version() == Version::HTTP_11 => Err(ApiError::invalid("The request has no Host header.")),
        0 | 1 => Ok(()),
        _ => Err(ApiError::invalid("The request has more than one Host header.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;
    use crate::limits::Limits;
    use platform::Shutdown;
    use std::time::Duration;

    /// A listener that stopped before the future was polled closed the connection.
    #[test]
    fn a_request_is_at_work_before_its_answer_is_begun() {
        let clients = Clients::new(Limits::default(), Vec::new(), Shutdown::new());
        let connection = Connection::new(clients.connected([192, 0, 2, 1].into()).unwrap());
        assert!(connection.has_ended(Duration::ZERO));
        let answer = answered(connection.clone(), Request::new(String::new()), async |_, _| Response::default());
        assert!(!connection.has_ended(Duration::ZERO));
        drop(answer);
        assert!(connection.has_ended(Duration::from_secs(60)));
    }
}
