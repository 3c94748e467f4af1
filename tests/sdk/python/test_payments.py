"""Payment intents that go well: created, updated, confirmed, read back."""

import pytest

from florin_sdk.build import attached, charge_of, intent, new_customer, pay, refused
from florin_sdk.cards import MASTERCARD, card


def test_in_one_step(client):
    paid = pay(client, 2000, description="a book")
    assert paid.id.startswith("pi_")
    assert paid.client_secret.startswith(paid.id + "_secret_")
    assert (paid.status, paid.amount, paid.amount_received, paid.amount_capturable) == ("succeeded", 2000, 2000, 0)
    assert paid.currency == "usd"
    assert paid.capture_method in ("automatic", "automatic_async")
    assert paid.confirmation_method == "automatic"
    assert "card" in paid.payment_method_types
    assert paid.payment_method.startswith("pm_")
    assert paid.last_payment_error is None and paid.next_action is None and paid.canceled_at is None
    assert client.v1.payment_intents.retrieve(paid.id).to_dict() == paid.to_dict()


def test_its_charge(client):
    paid = pay(client, 2000, description="a book", metadata={"order": "7"}, receipt_email="ada@example.com")
    charge = charge_of(client, paid)
    assert charge.id.startswith("ch_")
    assert (charge.status, charge.paid, charge.captured, charge.refunded, charge.disputed) == ("succeeded", True, True, False, False)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (2000, 2000, 0)
    assert charge.payment_intent == paid.id
    assert charge.payment_method == paid.payment_method
    assert charge.description == "a book"
    assert charge.receipt_email == "ada@example.com"
    assert charge.metadata.to_dict() == {"order": "7"}
    assert charge.balance_transaction.startswith("txn_")
    assert charge.payment_method_details.type == "card"
    details = charge.payment_method_details.card
    assert (details.brand, details.last4, details.amount_authorized) == ("visa", "4242", 2000)
    assert (charge.outcome.type, charge.outcome.network_status) == ("authorized", "approved_by_network")
    assert charge.failure_code is None


def test_in_two_steps(client):
    made = intent(client)
    assert (made.status, made.payment_method, made.latest_charge) == ("requires_payment_method", None, None)
    paid = client.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"


def test_in_three_steps(client):
    made = intent(client)
    ready = client.v1.payment_intents.update(made.id, params={"payment_method": "pm_card_mastercard"})
    assert ready.status == "requires_confirmation"
    paid = client.v1.payment_intents.confirm(made.id)
    assert paid.status == "succeeded"
    assert charge_of(client, paid).payment_method_details.card.brand == "mastercard"


def test_with_card_data_in_the_request(client):
    paid = pay(client, payment_method=None, payment_method_data=card(MASTERCARD, billing_details={"name": "Ada"}))
    assert paid.status == "succeeded"
    charge = charge_of(client, paid)
    assert charge.payment_method_details.card.last4 == "4444"
    assert charge.billing_details.name == "Ada"


def test_automatic_payment_methods(client):
    made = intent(client, automatic_payment_methods={"enabled": True, "allow_redirects": "never"})
    assert made.automatic_payment_methods.enabled is True
    assert made.automatic_payment_methods.allow_redirects == "never"
    assert client.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_visa"}).status == "succeeded"


def test_payment_method_types(client):
    assert intent(client, payment_method_types=["card"]).payment_method_types == ["card"]
    error = refused(lambda: intent(client, payment_method_types=["seashells"]))
    assert error.param.startswith("payment_method_types")


def test_everything_that_is_given_is_kept(client):
    given = {
        "description": "a book",
        "receipt_email": "ada@example.com",
        "statement_descriptor_suffix": "BOOKS",
        "transfer_group": "group 7",
        "metadata": {"order": "7"},
        "shipping": {
            "name": "Ada", "phone": "555", "carrier": "post", "tracking_number": "T1",
            "address": {"line1": "1 Main Street", "city": "Springfield", "country": "US", "postal_code": "12345"},
        },
    }
    made = intent(client, **given).to_dict()
    for key in ("description", "receipt_email", "statement_descriptor_suffix", "transfer_group", "metadata"):
        assert made[key] == given[key]
    assert made["shipping"]["address"]["line1"] == "1 Main Street"
    assert made["shipping"]["tracking_number"] == "T1"


def test_update_before_it_is_paid(client):
    made = intent(client, 1000, description="before")
    changed = client.v1.payment_intents.update(made.id, params={"amount": 1500, "currency": "eur", "description": "after"})
    assert (changed.amount, changed.currency, changed.description) == (1500, "eur", "after")


def test_update_after_it_is_paid(client):
    paid = pay(client)
    refused(lambda: client.v1.payment_intents.update(paid.id, params={"amount": 1}), "payment_intent_unexpected_state")
    changed = client.v1.payment_intents.update(paid.id, params={"metadata": {"order": "8"}, "description": "late"})
    assert changed.metadata["order"] == "8"
    assert changed.description == "late"


def test_confirm_without_a_payment_method(client):
    made = intent(client)
    refused(lambda: client.v1.payment_intents.confirm(made.id), "payment_intent_unexpected_state")


def test_confirm_twice(client):
    paid = pay(client)
    error = refused(lambda: client.v1.payment_intents.confirm(paid.id), "payment_intent_unexpected_state")
    assert error.error.payment_intent.id == paid.id


def test_a_customers_card(client):
    owner = new_customer(client, email="ada@example.com")
    method = attached(client, owner)
    paid = pay(client, customer=owner.id, payment_method=method.id, off_session=True)
    assert (paid.status, paid.customer, paid.payment_method) == ("succeeded", owner.id, method.id)
    assert charge_of(client, paid).customer == owner.id


@pytest.mark.parametrize("usage", ["on_session", "off_session"])
def test_setup_future_usage_attaches(client, usage):
    owner = new_customer(client)
    paid = pay(client, customer=owner.id, setup_future_usage=usage)
    assert paid.setup_future_usage == usage
    method = client.v1.payment_methods.retrieve(paid.payment_method)
    assert method.customer == owner.id
    assert pay(client, customer=owner.id, payment_method=method.id, off_session=True).status == "succeeded"


def test_manual_confirmation(client):
    made = intent(client, confirmation_method="manual", payment_method="pm_card_visa")
    assert made.status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(made.id).status == "succeeded"


@pytest.mark.parametrize(("currency", "amount"), [("eur", 50), ("jpy", 100), ("gbp", 30), ("kwd", 1000)])
def test_currencies(client, currency, amount):
    paid = pay(client, amount, currency=currency)
    assert (paid.status, paid.currency, paid.amount_received) == ("succeeded", currency, amount)


def test_a_currency_in_capitals(client):
    assert pay(client, currency="USD").currency == "usd"


def test_line_items(client):
    made = intent(client, 3000, amount_details={
        "line_items": [
            {"product_name": "Book", "product_code": "B1", "quantity": 2, "unit_cost": 1000},
            {"product_name": "Pen", "quantity": 1, "unit_cost": 1000},
        ],
    })
    listed = client.v1.payment_intents.amount_details_line_items.list(made.id)
    assert sorted((item.product_name, item.quantity, item.unit_cost) for item in listed.data) == [("Book", 2, 1000), ("Pen", 1, 1000)]


def test_what_a_card_payment_has_no_use_for(client):
    made = intent(client)
    refused(lambda: client.v1.payment_intents.verify_microdeposits(made.id, params={"amounts": [1, 2]}))
    refused(lambda: client.v1.payment_intents.apply_customer_balance(made.id))


def test_one_that_is_not_there(client):
    error = refused(lambda: client.v1.payment_intents.retrieve("pi_nothere"), "resource_missing", status=404)
    assert "pi_nothere" in error.user_message
    refused(lambda: client.v1.payment_intents.confirm("pi_nothere"), "resource_missing", status=404)


def test_details_may_be_partly_empty(client):
    """A reference that was not given was stored as null, which the log's patches take for a removal: replaying the log
    then led to another state. `ledger verify` after the suites sees it."""
    made = intent(client, 3000, payment_details={"order_reference": "o-1"}, amount_details={"shipping": {"amount": 100}})
    assert made.payment_details.customer_reference is None
    changed = client.v1.payment_intents.update(made.id, params={
        "payment_details": {"customer_reference": "c-1"},
        "amount_details": {"shipping": {"to_postal_code": "10115"}, "tax": {"total_tax_amount": 7}},
    })
    assert changed.payment_details.customer_reference == "c-1"
    assert changed.payment_details.order_reference is None
    assert changed.amount_details.shipping.amount is None
    assert changed.amount_details.shipping.to_postal_code == "10115"
    assert changed.amount_details.tax.total_tax_amount == 7
