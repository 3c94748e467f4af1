//! What the edge measures.

platform::metrics! {
    /// Requests that were answered, by the template of their path; 499 stands for a client that hung up before.
    counter requests("florin_http_requests_total") { method, operation, status }
    /// How long a request took, from its head to its answer.
    histogram request_duration("florin_http_request_duration_seconds") { operation }
    /// Requests that have arrived and are not answered yet.
    gauge requests_in_flight("florin_http_requests_in_flight")
    /// Connections of clients that are open.
    gauge connections("florin_http_connections")
    /// Requests that were refused and connections that were closed because of a limit.
    counter limits_reached("florin_limits_reached_total") {
        limit: [
            "body_bytes_max",
            "body_timeout_ms",
            "connections_max",
            "connections_of_address",
            "header_timeout_ms",
            "held_bytes_max",
            "held_bytes_of_address",
            "idle_timeout_ms",
            "look_ups",
            "request_timeout_ms",
            "requests_max",
            "send_timeout_ms",
        ]
    }
}
