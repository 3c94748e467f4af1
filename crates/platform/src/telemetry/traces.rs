//! Traces: spans by OpenTelemetry's conventions, sent to a collector. A span is one of the log's, `request` among them, or one with
//! the target [`TRACE`], which exists only while traces are recorded. What the log calls by a short name has its conventional one in
//! traces.

use super::{TelemetryConfig, TelemetryError};
use crate::{HttpUrl, metrics};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of spans that are for traces alone.
pub const TRACE: &str = "florin::trace";
/// The target of a request's span, which the log shows too. While traces are recorded it is there whatever is logged; otherwise
/// `telemetry.log_filter` decides.
pub const REQUEST: &str = "florin::request";

/// How long one delivery of spans to the collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Whether this process records traces.
static RECORDING: AtomicBool = AtomicBool::new(false);

pub(super) fn provider(config: &TelemetryConfig, endpoint: &HttpUrl) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.reveal().trim_end_matches('/')))
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| TelemetryError::Otlp { endpoint: endpoint.clone(), reason: reason(&error, endpoint) })?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.otlp_sample_ratio)));
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    RECORDING.store(true, Ordering::Relaxed);
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(Exporter { exporter, is_away: AtomicBool::new(false) })
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

/// The exporter's error may repeat the endpoint, with its password.
fn reason(error: &ExporterBuildError, endpoint: &HttpUrl) -> String {
    error.to_string().replace(endpoint.reveal().trim_end_matches('/'), &endpoint.to_string())
}

/// Makes a span the child of what its caller was doing, if the caller says so in W3C's `traceparent`.
pub fn continues<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    struct Headers<'a> {
        parent: &'a str,
        state: Option<&'a str>,
    }
    impl Extractor for Headers<'_> {
        fn get(&self, name: &str) -> Option<&str> {
            match name {
                TRACEPARENT => Some(self.parent),
                TRACESTATE => self.state,
                _ => None,
            }
        }

        fn keys(&self) -> Vec<&str> {
            vec![TRACEPARENT, TRACESTATE]
        }
    }
    if !RECORDING.load(Ordering::Relaxed) {
        return;
    }
    if let Some(parent) = header(TRACEPARENT) {
        let headers = Headers { parent, state: header(TRACESTATE) };
        let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        // A span that is not recorded has no parent either.
        let _ = span.set_parent(caller);
    }
}

/// W3C's `traceparent` of what is being done now, for others who are asked to do a part of it.
pub fn traceparent() -> Option<String> {
    struct Found(Option<String>);
    impl Injector for Found {
        fn set(&mut self, name: &str, value: String) {
            if name == TRACEPARENT {
                self.0 = Some(value);
            }
        }
    }
    if !RECORDING.load(Ordering::Relaxed) {
        return None;
    }
    let mut found = Found(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut found);
    found.0
}

/// Adds to a span what only traces show.
pub fn attribute<T: Into<Value>>(span: &Span, name: &'static str, value: impl FnOnce() -> T) {
    if RECORDING.load(Ordering::Relaxed) {
        span.set_attribute(name, value());
    }
}

/// Says that what a span stands for has failed, and by what sort of error.
pub fn failed(span: &Span, error: impl FnOnce() -> String) {
    if RECORDING.load(Ordering::Relaxed) {
        span.set_attribute("error.type", error());
        span.set_status(Status::error(""));
    }
}

/// Gives spans their conventional names, and sends them. That the collector is away is said once, and when it is back.
#[derive(Debug)]
struct Exporter {
    exporter: opentelemetry_otlp::SpanExporter,
    is_away: AtomicBool,
}

impl SpanExporter for Exporter {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(name_by_convention);
        let spans = batch.len() as u64;
        match self.exporter.export(batch).await {
            Ok(()) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes traces again");
                }
            }
            Err(error) => {
                metrics::spans_undelivered().increment(spans);
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the collector does not take traces: they are lost until it does");
                }
            }
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// What the conventions know; any other method is `_OTHER`.
const METHODS: &[&str] = &["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];

/// A request's span is called by its method and route, as the semantic conventions for HTTP say.
fn name_by_convention(span: &mut SpanData) {
    match &*span.name {
        "request" => span.span_kind = SpanKind::Server,
        "processor" => span.span_kind = SpanKind::Client,
        _ => return,
    }
    let (mut method, mut route, mut call) = (String::new(), None, None);
    span.attributes.retain_mut(|attribute| match attribute.key.as_str() {
        "method" => {
            let text = attribute.value.as_str().into_owned();
            method = if METHODS.contains(&&*text) { text } else { "_OTHER".to_owned() };
            *attribute = KeyValue::new("http.request.method", method.clone());
            true
        }
        "operation" if span.span_kind == SpanKind::Server => {
            let text = attribute.value.as_str().into_owned();
            let is_route = text != "unknown";
            if is_route {
                route = Some(text);
                attribute.key = Key::from_static_str("http.route");
            }
            is_route
        }
        "call" => {
            call = Some(attribute.value.as_str().into_owned());
            attribute.key = Key::from_static_str("florin.processor.call");
            true
        }
        "request_id" | "attempt" | "processor" | "operation" => {
            attribute.key = Key::from(format!("florin.{}", attribute.key));
            true
        }
        _ => true,
    });
    span.name = match (span.span_kind == SpanKind::Server, route, call) {
        (true, Some(route), _) => format!("{method} {route}").into(),
        (true, None, _) => if method == "_OTHER" { "HTTP".to_owned() } else { method }.into(),
        (false, _, call) => format!("processor {}", call.unwrap_or_default()).into(),
    };
}
