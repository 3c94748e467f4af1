"""What Florin adds to the contract, and how it says that something is not there."""

import json
from pathlib import Path

import pytest

from florin_sdk.build import declined, new_customer, pay
from florin_sdk.schema import SCHEMA

OPERATIONS = json.loads((Path(SCHEMA).parent / "operations.json").read_text())


def test_attempts_are_objects(client, raw):
    paid = pay(client)
    answer = raw.get(f"/x/v1/attempts?payment_intent={paid.id}")
    assert answer.status == 200
    listed = answer.json
    assert (listed["object"], listed["url"], listed["has_more"]) == ("list", "/x/v1/attempts", False)
    assert len(listed["data"]) == 1
    attempt = listed["data"][0]
    assert attempt["subject"] == attempt["target"] == paid.id
    assert (attempt["operation"], attempt["status"]) == ("sale", "succeeded")
    assert attempt["amount"] == 2000
    assert attempt["currency"] == "usd"
    assert attempt["processor"] == "sandbox"
    assert attempt["processor_reference"].startswith("sbx_")
    one = raw.get(f"/x/v1/attempts/{attempt['id']}")
    assert (one.status, one.json) == (200, attempt)


def test_declined_attempts_too(client, raw):
    error = declined(lambda: pay(client, payment_method="pm_card_visa_chargeDeclined"))
    listed = raw.get(f"/x/v1/attempts?payment_intent={error.error.payment_intent.id}").json
    assert [each["status"] for each in listed["data"]] == ["declined"]


def test_attempts_follow_the_conventions(raw):
    assert raw.get("/x/v1/attempts/att_nothere").status == 404
    assert raw.get("/x/v1/attempts?limit=1000").status == 400
    assert raw.get("/x/v1/attempts?colour=red").json["error"]["code"] == "parameter_unknown"
    assert raw.get("/x/v1/attempts", headers={"Authorization": None}).status == 401


# One operation for each of some resources that are not served.
@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v1/payouts"), ("POST", "/v1/transfers"), ("GET", "/v1/disputes"), ("POST", "/v1/issuing/cards"),
    ("POST", "/v1/checkout/sessions"), ("GET", "/v1/files"), ("GET", "/v1/webhook_endpoints"),
])
def test_an_operation_that_is_not_served_yet(raw, method, path):
    answer = raw.send(method, path)
    assert answer.status >= 400 and answer.status != 500
    error = answer.json["error"]
    assert error["type"] == "invalid_request_error"
    assert path in error["message"]


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v1/seashells"), ("GET", "/v1"), ("GET", "/v2/core/events"), ("DELETE", "/v1/payment_intents"), ("PUT", "/v1/customers"),
    ("GET", "/v1/payment_intents/pi_1/confirm"), ("GET", "/nothing"),
])
def test_an_operation_that_is_nowhere(raw, method, path):
    answer = raw.send(method, path)
    assert answer.status in (404, 405)
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_the_health_of_the_server(raw):
    import requests

    for path in ("/healthz", "/readyz", "/metrics"):
        assert requests.get(raw.url + path, timeout=20).status_code == 200


def test_the_openapi_document(raw):
    import requests

    document = requests.get(raw.url + "/openapi.json", timeout=20).json()
    assert document["openapi"].startswith("3.")
    known = {(each["method"], each["path"]) for each in OPERATIONS}
    served = {
        (method.upper(), path)
        for path, operations in document["paths"].items() if path.startswith("/v1/")
        for method in operations if method in ("get", "post", "delete")
    }
    assert served <= known, f"not in the contract: {served - known}"
    for resource in ("payment_intents", "charges", "refunds", "customers", "payment_methods", "setup_intents", "events"):
        assert ("GET", f"/v1/{resource}") in served
    assert document["components"]["schemas"]["payment_intent"]


def test_nothing_is_lost_to_a_name(client):
    """Objects carry no key of our own but `x_florin`; the schema check after each test says so. This makes one of each."""
    owner = new_customer(client)
    paid = pay(client, customer=owner.id, setup_future_usage="off_session", expand=["payment_method", "latest_charge.balance_transaction"])
    client.v1.refunds.create(params={"payment_intent": paid.id}, options={})
    assert client.v1.events.list(params={"limit": 20}).data
