"""What is wrong with a request is said, with the parameter's name."""

import pytest

from florin_sdk.build import intent, new_customer, pay, refused


@pytest.mark.parametrize(("more", "param"), [
    ({"amont": 1}, "amont"),
    ({"shipping": {"name": "x", "address": {"line1": "y"}, "nam": "x"}}, "shipping[nam]"),
    ({"payment_method_options": {"card": {"colour": "red"}}}, "payment_method_options[card][colour]"),
])
def test_unknown(client, more, param):
    error = refused(lambda: intent(client, **more), "parameter_unknown", param)
    assert param in error.user_message


def test_unknown_when_reading(client):
    made = intent(client)
    refused(lambda: client.v1.payment_intents.retrieve(made.id, params={"colour": "red"}), "parameter_unknown", "colour")
    refused(lambda: client.v1.payment_intents.list(params={"colour": "red"}), "parameter_unknown", "colour")


def test_missing(client):
    create = client.v1.payment_intents.create
    refused(lambda: create(params={"currency": "usd"}), "parameter_missing", "amount")
    refused(lambda: create(params={"amount": 2000}), "parameter_missing", "currency")


@pytest.mark.parametrize("amount", ["abc", "12.5", "", "1e3", "0x10", "99999999999999999999999"])
def test_integers(client, amount):
    error = refused(lambda: intent(client, amount), param="amount")
    assert error.code in ("parameter_invalid_integer", "parameter_invalid_empty", "amount_too_large", "parameter_missing")


@pytest.mark.parametrize("amount", [0, -1, -2000])
def test_amounts_that_are_none(client, amount):
    error = refused(lambda: intent(client, amount), param="amount")
    assert error.code in ("parameter_invalid_integer", "amount_too_small")


@pytest.mark.parametrize(("amount", "currency"), [(49, "usd"), (29, "gbp"), (49, "jpy")])
def test_amounts_that_are_too_small(client, amount, currency):
    refused(lambda: pay(client, amount, currency=currency), "amount_too_small", "amount")


def test_amounts_that_are_too_large(client):
    assert intent(client, 99_999_999).amount == 99_999_999
    refused(lambda: intent(client, 100_000_000), "amount_too_large", "amount")


@pytest.mark.parametrize("currency", ["xxx", "dollars", "", "us"])
def test_currencies(client, currency):
    refused(lambda: client.v1.payment_intents.create(params={"amount": 2000, "currency": currency}), param="currency")


def test_choices_and_booleans(client):
    refused(lambda: intent(client, capture_method="sometimes"), param="capture_method")
    refused(lambda: intent(client, confirm="perhaps"), param="confirm")
    refused(lambda: intent(client, setup_future_usage="never_ever"), param="setup_future_usage")


@pytest.mark.parametrize(("param", "value"), [
    ("customer", "cus_nothere"), ("customer", "nonsense"), ("payment_method", "pm_nothere"), ("payment_method", "pm_card_nothere"),
])
def test_ids_in_parameters(client, param, value):
    error = refused(lambda: intent(client, **{param: value}), "resource_missing", param)
    assert value in error.user_message


@pytest.mark.parametrize("path", [
    "payment_intents/pi_nothere", "payment_intents/nonsense", "payment_intents/ch_1", "charges/ch_nothere", "refunds/re_nothere",
    "customers/cus_nothere", "payment_methods/pm_nothere", "events/evt_nothere", "balance_transactions/txn_nothere",
    "setup_intents/seti_nothere", "payment_intents/pi_%00", "payment_intents/pi_%F0%9F%90%8E",
])
def test_ids_in_the_path(raw, path):
    answer = raw.get(f"/v1/{path}")
    assert answer.status == 404
    assert answer.json["error"]["code"] == "resource_missing"
    assert answer.json["error"]["param"]


def test_an_id_of_another_kind(client):
    made = intent(client)
    refused(lambda: client.v1.charges.retrieve(made.id), "resource_missing", status=404)


@pytest.mark.parametrize("body", [
    "amount=%ZZ&currency=usd", "amount=%FF%FE&currency=usd", "[]=1", "a[b=1", "amount[x]=1&currency=usd", "metadata=text&amount=1000&currency=usd",
    "payment_method_types=card&amount=1000&currency=usd", "payment_method_types[x]=card&amount=1000&currency=usd", "=", "&&&", "a[" * 50,
])
def test_forms_that_make_no_sense(raw, body):
    answer = raw.post("/v1/payment_intents", body)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_arrays_in_both_spellings(raw):
    for body in ("payment_method_types[]=card", "payment_method_types[0]=card"):
        answer = raw.post("/v1/payment_intents", f"amount=2000&currency=usd&{body}")
        assert answer.json["payment_method_types"] == ["card"]


def test_a_plus_is_a_space(raw):
    assert raw.post("/v1/customers", "name=Ada+Lovelace").json["name"] == "Ada Lovelace"


def test_json_is_not_a_form(raw):
    answer = raw.post("/v1/customers", '{"name": "Ada"}', headers={"Content-Type": "application/json"})
    assert answer.status in (400, 415)


def test_multipart(raw):
    boundary = "b0undary"
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n--{boundary}\r\n' \
        f'Content-Disposition: form-data; name="metadata[a]"\r\n\r\n1\r\n--{boundary}--\r\n'
    answer = raw.post("/v1/customers", body.encode(), headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
    assert answer.status == 200
    assert (answer.json["name"], answer.json["metadata"]) == ("Ada", {"a": "1"})


def test_a_body_that_is_too_large(raw):
    answer = raw.post("/v1/customers", "description=" + "x" * 3_000_000)
    assert answer.status in (400, 413)


def test_texts_have_a_length(client):
    refused(lambda: new_customer(client, name="x" * 5000), param="name")


def test_the_version_is_echoed(raw):
    assert raw.get("/v1/balance").headers["stripe-version"] == "2026-10-28.endive"


def test_each_request_has_its_id(raw):
    assert raw.get("/v1/balance").headers["request-id"] != raw.get("/v1/balance").headers["request-id"]


@pytest.mark.parametrize(("make", "param", "longest"), [
    (lambda client, text: intent(client, description=text), "description", 1000),
    (lambda client, text: intent(client, statement_descriptor=text), "statement_descriptor", 22),
    (lambda client, text: intent(client, transfer_group=text), "transfer_group", 5000),
    (lambda client, text: client.v1.customers.create(params={"name": text}), "name", 256),
    (lambda client, text: client.v1.customers.create(params={"address": {"city": text}}), "address[city]", 5000),
])
def test_texts_have_a_length(client, make, param, longest):
    make(client, "\u00e9" * longest)
    error = refused(lambda: make(client, "\u00e9" * (longest + 1)), param=param)
    assert error.user_message.endswith(f"must be at most {longest} characters")


@pytest.mark.parametrize("return_url", ["http:///done", "javascript://x", "data://x", "https://a@b.example/", "nowhere"])
def test_urls(client, return_url):
    refused(lambda: pay(client, return_url=return_url), "url_invalid", "return_url")
