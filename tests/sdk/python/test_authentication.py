import json

import pytest
import stripe

from florin_sdk.build import intent, new_customer, pay, refused, unique
from florin_sdk.client import sdk


def check_unauthorized(answer):
    assert answer.status == 401
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert answer.json["error"]["message"]


def test_no_key(raw):
    check_unauthorized(raw.get("/v1/balance", headers={"Authorization": None}))


@pytest.mark.parametrize("key", ["sk_test_" + "0" * 26, "sk_live_" + "0" * 26, "sk_test_short", "nonsense", "pk_test_" + "0" * 26])
def test_a_wrong_key(raw, key):
    answer = raw.get("/v1/balance", key=key)
    check_unauthorized(answer)
    assert key not in answer.body.decode()


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic", "Basic !!!", "Digest x", "Bearer a b c"])
def test_a_header_that_makes_no_sense(raw, header):
    check_unauthorized(raw.get("/v1/balance", headers={"Authorization": header}))


def test_the_sdk_says_so(url, recorder):
    with pytest.raises(stripe.AuthenticationError):
        sdk(url, "sk_test_" + "0" * 26, recorder).v1.balance.retrieve()


def test_basic(raw, secret_key):
    assert raw.get("/v1/balance", auth=(secret_key, "")).status == 200


def test_paths_say_nothing_without_a_key(raw):
    check_unauthorized(raw.get("/v1/payment_intents/pi_nothere", headers={"Authorization": None}))


HIDDEN = {"metadata", "amount_received", "amount_capturable", "latest_charge", "customer", "application_fee_amount"}


def test_a_publishable_key_reads_with_the_client_secret(client, public, recorder):
    made = intent(client, metadata={"secret": "plan"})
    seen = public.v1.payment_intents.retrieve(made.id, params={"client_secret": made.client_secret})
    assert (seen.id, seen.amount, seen.status) == (made.id, 2000, "requires_payment_method")
    assert not HIDDEN & set(recorder.last.json)


def test_a_publishable_key_confirms_with_the_client_secret(client, public, recorder):
    made = intent(client)
    seen = public.v1.payment_intents.confirm(
        made.id, params={"client_secret": made.client_secret, "payment_method": "pm_card_visa"}
    )
    assert seen.status == "succeeded"
    assert not HIDDEN & set(recorder.last.json)


@pytest.mark.parametrize("param", [
    {"capture_method": "manual"},
    {"off_session": True},
    {"payment_method_options": {"card": {"capture_method": "manual"}}},
    {"amount_details": {"discount_amount": 1}},
    {"payment_details": {"order_reference": "mine"}},
])
def test_a_payer_does_not_decide_for_the_merchant(client, public, param):
    """With an intent's client secret a payer could have had the card authorized only, and the goods sent."""
    made = intent(client)
    params = {"payment_method": "pm_card_visa", "client_secret": made.client_secret, **param}
    error = refused(lambda: public.v1.payment_intents.confirm(made.id, params=params))
    assert error.param == next(iter(param))
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_payment_method"


def test_a_publishable_key_is_told_of_a_decline(client, public):
    made = intent(client)
    with pytest.raises(stripe.CardError) as caught:
        public.v1.payment_intents.confirm(
            made.id, params={"client_secret": made.client_secret, "payment_method": "pm_card_visa_chargeDeclined"}
        )
    assert caught.value.error.payment_intent.id == made.id
    assert "metadata" not in caught.value.error.payment_intent.to_dict()


def test_a_publishable_key_without_the_secret(client, public):
    made, other = intent(client), intent(client)
    for params in ({}, {"client_secret": other.client_secret}, {"client_secret": made.id + "_secret_guess"}):
        with pytest.raises((stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)) as caught:
            public.v1.payment_intents.retrieve(made.id, params=params)
        assert caught.value.http_status in (400, 401, 403, 404)


NOT_FOR_PUBLISHABLE_KEYS = {
    "list intents": lambda v1, made: v1.payment_intents.list(),
    "create an intent": lambda v1, made: v1.payment_intents.create(params={"amount": 2000, "currency": "usd"}),
    "capture": lambda v1, made: v1.payment_intents.capture(made.id),
    "cancel": lambda v1, made: v1.payment_intents.cancel(made.id),
    "update": lambda v1, made: v1.payment_intents.update(made.id, params={"description": "mine"}),
    "search": lambda v1, made: v1.payment_intents.search(params={"query": "amount>1"}),
    "read the balance": lambda v1, made: v1.balance.retrieve(),
    "list customers": lambda v1, made: v1.customers.list(),
    "refund": lambda v1, made: v1.refunds.create(params={"payment_intent": made.id}),
    "list events": lambda v1, made: v1.events.list(),
}


@pytest.mark.parametrize("call", NOT_FOR_PUBLISHABLE_KEYS.values(), ids=NOT_FOR_PUBLISHABLE_KEYS)
def test_a_publishable_key_may_do_nothing_else(client, public, call):
    made = intent(client)
    with pytest.raises((stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)) as caught:
        call(public.v1, made)
    assert caught.value.http_status in (400, 401, 403)


def test_a_publishable_key_sees_the_card_and_no_more(client, public, recorder):
    """Expanding shows a payer's own card; what is hidden stays hidden, asked for or not."""
    paid = pay(client, customer=new_customer(client).id, metadata={"secret": "plan"})

    def seen(*expand):
        public.v1.payment_intents.retrieve(paid.id, params={"client_secret": paid.client_secret, "expand": list(expand)})
        return recorder.last.json

    assert seen("payment_method")["payment_method"]["card"]["last4"] == "4242"
    for path in ("customer", "latest_charge", "latest_charge.balance_transaction", "payment_method.customer"):
        try:
            answer = json.dumps(seen(path))
        except stripe.StripeError:
            continue
        for hidden in ("Ada Lovelace", "plan", "txn_", "ch_"):
            assert hidden not in answer, f"{path} shows {hidden}"


def test_a_wrong_client_secret_with_the_secret_key(client):
    made = intent(client)
    assert client.v1.payment_intents.retrieve(made.id, params={"client_secret": made.client_secret}).id == made.id
    refused(lambda: client.v1.payment_intents.retrieve(made.id, params={"client_secret": "nonsense"}))


def test_what_the_merchant_has_set_stays(client, public):
    shipping = {"name": "Ada", "address": {"city": "Vigo"}}
    made = intent(client, shipping=shipping, receipt_email="ada@example.com", setup_future_usage="off_session")
    for param in (
        {"shipping": {"name": "Eve", "address": {"city": "Bari"}}},
        {"receipt_email": "eve@example.com"},
        {"setup_future_usage": "on_session"},
        {"setup_future_usage": ""},
    ):
        params = {"payment_method": "pm_card_visa", "client_secret": made.client_secret, **param}
        error = refused(lambda: public.v1.payment_intents.confirm(made.id, params=params))
        assert error.param == next(iter(param))
    seen = client.v1.payment_intents.retrieve(made.id)
    assert (seen.shipping.name, seen.receipt_email, seen.setup_future_usage) == ("Ada", "ada@example.com", "off_session")


def test_a_payer_uses_none_of_the_merchants_keys_up(client, public, recorder):
    made, key = intent(client), {"idempotency_key": unique()}
    params = {"payment_method": "pm_card_visa", "client_secret": made.client_secret}
    public.v1.payment_intents.confirm(made.id, params=params, options=key)
    client.v1.customers.create(params={"name": "Ada"}, options=key)
    assert "idempotent-replayed" not in recorder.last.headers
