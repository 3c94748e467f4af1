//! The whole API in the tests' process, without HTTP.

use super::registry;
use api::form::Form;
use api::{Answer, Api, Environment, Request};
use contracts::{Caller, KeyKind, Ledger};
use processors::{ProcessorsConfig, Surroundings};
use reqwest::Method;
use std::sync::Arc;
use testkit::{ManualClock, OneTenant, caller, tenant};

/// For one tenant, whose payments go to the sandbox.
pub fn api(ledger: Arc<dyn Ledger>, clock: Arc<ManualClock>) -> Arc<Api> {
    let processors = ProcessorsConfig::default().build(&Surroundings { clock: clock.clone() }).unwrap();
    let environment = Environment { public_url: "http://localhost".into(), ..Environment::default() };
    Api::new(ledger, Arc::new(OneTenant(tenant())), clock, environment, registry(processors))
}

/// A request of that tenant with its secret test key; `id` is the one in the path, if it has one.
pub async fn post(api: &Arc<Api>, path: &str, id: &str, form: &str) -> Answer {
    send(api, &Method::POST, path, id, form, KeyKind::Secret).await
}

/// The same with any method, and a key of that kind.
pub async fn send(api: &Arc<Api>, method: &Method, path: &str, id: &str, form: &str, key: KeyKind) -> Answer {
    let mut params = Form::default();
    params.decode(form.as_bytes()).unwrap();
    let endpoint = api.endpoints.get(method, path).unwrap_or_else(|| panic!("no such endpoint: {path}")).clone();
    let caller = Caller { key, ..caller(&tenant()) };
    api.answer(Request::new(endpoint, &[("id", id)], params.into_params(), caller), ()).await
}
