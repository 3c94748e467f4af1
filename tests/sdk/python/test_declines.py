"""Cards that are refused: 402, with the intent in the error, and the failure on record."""

import pytest
import stripe

from florin_sdk.build import charge_of, declined, intent, pay, refused
from florin_sdk.cards import DECLINES, DECLINING_NUMBERS, card


@pytest.mark.parametrize("method", DECLINES)
def test_by_test_method(client, method):
    code, decline_code = DECLINES[method]
    error = declined(lambda: pay(client, payment_method=method), code, decline_code)
    check_failed(client, error.error.payment_intent, code, decline_code, error.error)


@pytest.mark.parametrize("number", DECLINING_NUMBERS)
def test_by_number(client, number):
    code, decline_code = DECLINING_NUMBERS[number]
    method = client.v1.payment_methods.create(params=card(number))
    error = declined(lambda: pay(client, payment_method=method.id), code, decline_code)
    assert error.error.payment_method.id == method.id


def check_failed(client, failed, code, decline_code, error):
    assert failed.object == "payment_intent"
    assert (failed.status, failed.amount_received, failed.payment_method) == ("requires_payment_method", 0, None)
    assert failed.last_payment_error.code == code
    if decline_code:
        assert failed.last_payment_error.decline_code == decline_code
    assert failed.last_payment_error.payment_method.type == "card"
    assert failed.last_payment_error.charge == failed.latest_charge == error.charge
    assert client.v1.payment_intents.retrieve(failed.id).to_dict() == failed.to_dict()
    charge = charge_of(client, failed)
    assert (charge.status, charge.paid, charge.captured) == ("failed", False, False)
    assert charge.failure_code == code
    assert charge.failure_message
    assert charge.balance_transaction is None
    assert charge.outcome.type == "issuer_declined"
    assert charge.outcome.network_status == "declined_by_network"


def test_when_confirmed_later(client):
    made = intent(client, payment_method="pm_card_visa_chargeDeclined")
    error = declined(lambda: client.v1.payment_intents.confirm(made.id), decline_code="generic_decline")
    assert error.error.payment_intent.id == made.id


def test_another_card_pays_after_a_decline(client):
    error = declined(lambda: pay(client, payment_method="pm_card_visa_chargeDeclined"))
    failed = error.error.payment_intent
    paid = client.v1.payment_intents.confirm(failed.id, params={"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    assert paid.last_payment_error is None
    assert paid.latest_charge != failed.latest_charge
    charges = client.v1.charges.list(params={"payment_intent": paid.id})
    assert [each.status for each in charges.data] == ["succeeded", "failed"]


def test_the_risk_engine_blocks(client):
    error = declined(lambda: pay(client, payment_method="pm_card_radarBlock"))
    charge = charge_of(client, error.error.payment_intent)
    assert charge.outcome.type == "blocked"
    assert charge.outcome.network_status == "not_sent_to_network"


def test_a_wrong_number_in_the_request(client):
    with pytest.raises(stripe.CardError) as caught:
        pay(client, payment_method=None, payment_method_data=card("4242424242424241"))
    assert caught.value.code == "incorrect_number"


def test_an_authorization_is_declined_too(client):
    error = declined(lambda: pay(client, payment_method="pm_card_visa_chargeDeclined", capture_method="manual"))
    assert error.error.payment_intent.amount_capturable == 0


def test_so_many_declines_cancel_the_intent(client):
    """Else a payer could try one stolen card after another."""
    made = intent(client)

    def confirm(method):
        return client.v1.payment_intents.confirm(made.id, params={"payment_method": method})

    for left in reversed(range(15)):
        error = declined(lambda: confirm("pm_card_visa_chargeDeclined"), "card_declined")
        assert error.error.payment_intent.status == ("requires_payment_method" if left else "canceled")
    error = refused(lambda: confirm("pm_card_visa"), "payment_intent_unexpected_state")
    assert error.error.payment_intent.cancellation_reason == "automatic"
