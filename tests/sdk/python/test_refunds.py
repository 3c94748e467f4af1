import pytest

from florin_sdk.build import authorize, charge_of, eventually, intent, pay, refused


def refund(client, **params):
    return client.v1.refunds.create(params=params)


def test_all_of_it(client):
    paid = pay(client)
    made = refund(client, payment_intent=paid.id)
    assert made.id.startswith("re_")
    assert (made.status, made.amount, made.currency) == ("succeeded", 2000, "usd")
    assert (made.charge, made.payment_intent) == (paid.latest_charge, paid.id)
    charge = charge_of(client, paid)
    assert (charge.refunded, charge.amount_refunded) == (True, 2000)
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
    assert client.v1.refunds.retrieve(made.id).to_dict() == made.to_dict()


def test_by_charge_with_a_reason(client):
    paid = pay(client)
    made = refund(client, charge=paid.latest_charge, reason="requested_by_customer", metadata={"why": "late"})
    assert (made.reason, made.metadata["why"], made.payment_intent) == ("requested_by_customer", "late", paid.id)
    refused(lambda: refund(client, charge=paid.latest_charge, reason="whim"), param="reason")


def test_in_parts(client):
    paid = pay(client)
    refund(client, payment_intent=paid.id, amount=500)
    charge = charge_of(client, paid)
    assert (charge.refunded, charge.amount_refunded) == (False, 500)
    refused(lambda: refund(client, payment_intent=paid.id, amount=1501), param="amount")
    assert refund(client, payment_intent=paid.id).amount == 1500
    assert charge_of(client, paid).refunded is True
    refused(lambda: refund(client, payment_intent=paid.id), "charge_already_refunded")
    refused(lambda: refund(client, charge=paid.latest_charge, amount=1), "charge_already_refunded")


def test_too_much_at_once(client):
    paid = pay(client)
    refused(lambda: refund(client, payment_intent=paid.id, amount=2001), param="amount")
    refused(lambda: refund(client, payment_intent=paid.id, amount=0), param="amount")


def test_only_what_was_captured(client):
    held = authorize(client, 2000)
    client.v1.payment_intents.capture(held.id, params={"amount_to_capture": 1200})
    assert refund(client, payment_intent=held.id).amount == 1200


def test_what_was_not_paid(client):
    refused(lambda: refund(client, payment_intent=intent(client).id))
    error = refused(lambda: refund(client, payment_intent=authorize(client).id), "charge_not_refundable")
    assert "cancel the PaymentIntent" in str(error)
    refused(lambda: refund(client))
    refused(lambda: refund(client, charge="ch_nothere"), "resource_missing", "charge")
    refused(lambda: refund(client, payment_intent="pi_nothere"), "resource_missing", "payment_intent")


def test_a_charge_without_an_intent(client):
    charge = client.v1.charges.create(params={"amount": 900, "currency": "usd", "source": "tok_visa"})
    made = refund(client, charge=charge.id, amount=300)
    assert (made.charge, made.payment_intent) == (charge.id, None)


def test_its_balance_transaction(client):
    paid = pay(client)
    made = refund(client, payment_intent=paid.id, amount=700)
    entry = client.v1.balance_transactions.retrieve(made.balance_transaction)
    assert (entry.type, entry.reporting_category) == ("refund", "refund")
    assert (entry.amount, entry.fee, entry.net, entry.source) == (-700, 0, -700, made.id)


def test_pending_then_succeeded(client):
    paid = pay(client, payment_method="pm_card_pendingRefund")
    made = refund(client, payment_intent=paid.id)
    assert made.status == "pending"
    eventually(lambda: client.v1.refunds.retrieve(made.id).status == "succeeded", seconds=30)
    assert charge_of(client, paid).amount_refunded == 2000


def test_pending_then_failed(client):
    paid = pay(client, payment_method="pm_card_refundFail")
    made = refund(client, payment_intent=paid.id)
    failed = eventually(
        lambda: (read := client.v1.refunds.retrieve(made.id)) and read.status == "failed" and read, seconds=30
    )
    assert failed.failure_reason == "expired_or_canceled_card"
    assert failed.failure_balance_transaction.startswith("txn_")
    charge = charge_of(client, paid)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)


def test_cancel_while_pending(client):
    paid = pay(client, payment_method="pm_card_pendingRefund")
    made = refund(client, payment_intent=paid.id)
    canceled = client.v1.refunds.cancel(made.id)
    assert canceled.status == "canceled"
    assert charge_of(client, paid).amount_refunded == 0
    refused(lambda: client.v1.refunds.cancel(made.id))


def test_cancel_what_is_done(client):
    made = refund(client, payment_intent=pay(client).id)
    refused(lambda: client.v1.refunds.cancel(made.id))


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_pendingRefund"])
def test_expire_what_waits_for_no_action(client, method):
    made = refund(client, payment_intent=pay(client, payment_method=method).id)
    refused(lambda: client.v1.test_helpers.refunds.expire(made.id))
    assert client.v1.refunds.retrieve(made.id).status in (made.status, "succeeded")
    refused(lambda: client.v1.test_helpers.refunds.expire("re_missing"), "resource_missing", status=404)


def test_update(client):
    made = refund(client, payment_intent=pay(client).id)
    changed = client.v1.refunds.update(made.id, params={"metadata": {"a": "1"}})
    assert changed.metadata.to_dict() == {"a": "1"}
    refused(lambda: client.v1.refunds.update(made.id, params={"amount": 1}), "parameter_unknown", "amount")


@pytest.mark.parametrize("by", ["charge", "payment_intent"])
def test_list(client, by):
    paid = pay(client)
    made = [refund(client, payment_intent=paid.id, amount=100).id for _ in range(3)]
    value = paid.latest_charge if by == "charge" else paid.id
    page = client.v1.refunds.list(params={by: value, "limit": 2})
    assert [each.id for each in page.data] == made[:0:-1]
    assert page.has_more is True
    page = client.v1.refunds.list(params={by: value, "starting_after": made[1]})
    assert [each.id for each in page.data] == made[:1]
