"""Authorize first, capture later: all, some, in parts, more; raise it; give it up."""

import pytest

from florin_sdk.build import authorize, charge_of, declined, intent, pay, refused


def card_of(charge):
    return charge.payment_method_details.card


def test_capture_all(client):
    made = authorize(client, 2000)
    assert (made.amount_capturable, made.amount_received) == (2000, 0)
    charge = charge_of(client, made)
    assert (charge.captured, charge.paid, charge.amount_captured, charge.balance_transaction) == (False, True, 0, None)
    paid = client.v1.payment_intents.capture(made.id)
    assert (paid.status, paid.amount_capturable, paid.amount_received) == ("succeeded", 0, 2000)
    charge = charge_of(client, paid)
    assert (charge.captured, charge.amount_captured) == (True, 2000)
    assert charge.balance_transaction.startswith("txn_")


def test_capture_some_releases_the_rest(client):
    made = authorize(client, 2000)
    paid = client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 1200})
    assert (paid.status, paid.amount, paid.amount_capturable, paid.amount_received) == ("succeeded", 2000, 0, 1200)
    assert charge_of(client, paid).amount_captured == 1200
    refused(lambda: client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 800}), "payment_intent_unexpected_state")


def test_capture_metadata(client):
    made = authorize(client, 2000, metadata={"a": "1"})
    paid = client.v1.payment_intents.capture(made.id, params={"metadata": {"b": "2"}})
    assert paid.metadata.to_dict() == {"a": "1", "b": "2"}


def test_capture_too_much(client):
    made = authorize(client, 2000)
    refused(
        lambda: client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 2001}),
        "amount_too_large", "amount_to_capture",
    )
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_capture"


def test_capture_nothing(client):
    made = authorize(client, 2000)
    refused(lambda: client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 0}), param="amount_to_capture")


def test_capture_what_is_not_authorized(client):
    refused(lambda: client.v1.payment_intents.capture(intent(client).id), "payment_intent_unexpected_state")
    refused(lambda: client.v1.payment_intents.capture(pay(client).id), "payment_intent_unexpected_state")


def test_several_captures(client):
    made = authorize(client, 2000, {"request_multicapture": "if_available"})
    assert card_of(charge_of(client, made)).multicapture.status == "available"
    first = client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 500, "final_capture": False})
    assert (first.status, first.amount_capturable, first.amount_received) == ("requires_capture", 1500, 500)
    second = client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 300, "final_capture": False})
    assert (second.status, second.amount_capturable, second.amount_received) == ("requires_capture", 1200, 800)
    last = client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 700})
    assert (last.status, last.amount_capturable, last.amount_received) == ("succeeded", 0, 1500)
    assert charge_of(client, last).amount_captured == 1500


def test_several_captures_must_be_asked_for(client):
    made = authorize(client, 2000)
    refused(
        lambda: client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 500, "final_capture": False}),
        param="final_capture",
    )


def test_canceling_after_a_part_was_captured_keeps_it(client):
    made = authorize(client, 2000, {"request_multicapture": "if_available"})
    client.v1.payment_intents.capture(made.id, params={"amount_to_capture": 500, "final_capture": False})
    ended = client.v1.payment_intents.cancel(made.id)
    assert (ended.amount_capturable, ended.amount_received) == (0, 500)


def test_more_than_authorized(client):
    made = authorize(client, 2000, {"request_overcapture": "if_available"})
    overcapture = card_of(charge_of(client, made)).overcapture
    assert overcapture.status == "available"
    most = overcapture.maximum_amount_capturable
    assert most > 2000
    refused(
        lambda: client.v1.payment_intents.capture(made.id, params={"amount_to_capture": most + 1}),
        "amount_too_large", "amount_to_capture",
    )
    paid = client.v1.payment_intents.capture(made.id, params={"amount_to_capture": most})
    assert (paid.status, paid.amount_received) == ("succeeded", most)


@pytest.mark.parametrize("reason", ["duplicate", "fraudulent", "requested_by_customer", "abandoned"])
def test_cancel_with_a_reason(client, reason):
    canceled = client.v1.payment_intents.cancel(intent(client).id, params={"cancellation_reason": reason})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", reason)
    assert canceled.canceled_at >= canceled.created


def test_cancel_with_a_reason_that_is_none(client):
    made = intent(client)
    refused(
        lambda: client.v1.payment_intents.cancel(made.id, params={"cancellation_reason": "whim"}),
        param="cancellation_reason",
    )


def test_cancel_what_is_authorized(client):
    made = authorize(client, 2000)
    canceled = client.v1.payment_intents.cancel(made.id)
    assert (canceled.status, canceled.amount_capturable, canceled.amount_received) == ("canceled", 0, 0)
    refused(lambda: client.v1.payment_intents.capture(made.id), "payment_intent_unexpected_state")
    charge = charge_of(client, canceled)
    assert (charge.captured, charge.refunded) == (False, True)


def test_cancel_what_is_paid_or_canceled(client):
    error = refused(lambda: client.v1.payment_intents.cancel(pay(client).id), "payment_intent_unexpected_state")
    assert error.error.payment_intent.status == "succeeded"
    canceled = client.v1.payment_intents.cancel(intent(client).id)
    refused(lambda: client.v1.payment_intents.cancel(canceled.id), "payment_intent_unexpected_state")
    refused(lambda: client.v1.payment_intents.confirm(canceled.id, params={"payment_method": "pm_card_visa"}), "payment_intent_unexpected_state")


INCREMENTAL = {"request_incremental_authorization": "if_available"}


def test_raise_an_authorization(client):
    made = authorize(client, 2000, INCREMENTAL)
    assert card_of(charge_of(client, made)).incremental_authorization.status == "available"
    raised = client.v1.payment_intents.increment_authorization(made.id, params={"amount": 3000, "description": "more"})
    assert (raised.status, raised.amount, raised.amount_capturable) == ("requires_capture", 3000, 3000)
    assert raised.description == "more"
    assert card_of(charge_of(client, raised)).amount_authorized == 3000
    paid = client.v1.payment_intents.capture(made.id)
    assert paid.amount_received == 3000


def test_raising_must_be_asked_for_and_must_raise(client):
    plain = authorize(client, 2000)
    refused(lambda: client.v1.payment_intents.increment_authorization(plain.id, params={"amount": 3000}))
    made = authorize(client, 2000, INCREMENTAL)
    refused(lambda: client.v1.payment_intents.increment_authorization(made.id, params={"amount": 2000}), param="amount")
    refused(lambda: client.v1.payment_intents.increment_authorization(made.id, params={}), "parameter_missing", "amount")


def test_raising_ten_times(client):
    made = authorize(client, 1000, INCREMENTAL)
    for step in range(1, 11):
        client.v1.payment_intents.increment_authorization(made.id, params={"amount": 1000 + step})
    refused(lambda: client.v1.payment_intents.increment_authorization(made.id, params={"amount": 5000}))
    assert client.v1.payment_intents.retrieve(made.id).amount == 1010


def test_a_declined_raise_leaves_it_capturable(client):
    made = authorize(client, 2000, INCREMENTAL, payment_method="pm_card_incrementDeclined")
    error = declined(lambda: client.v1.payment_intents.increment_authorization(made.id, params={"amount": 3000}))
    assert error.error.payment_intent.id == made.id
    left = client.v1.payment_intents.retrieve(made.id)
    assert (left.status, left.amount, left.amount_capturable) == ("requires_capture", 2000, 2000)
    assert client.v1.payment_intents.capture(made.id).amount_received == 2000
