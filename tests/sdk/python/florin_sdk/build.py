"""Builders and expectations that many tests share."""

import time
import uuid

import pytest
import stripe


def unique():
    """A word no other test uses."""
    return uuid.uuid4().hex[:20]


def pay(client, amount=2000, **more):
    """A payment intent, created and confirmed in one request."""
    params = {"amount": amount, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, **more}
    return client.v1.payment_intents.create(params=params)


def authorize(client, amount=2000, card_options=None, **more):
    """A payment intent that waits for its capture."""
    if card_options:
        more["payment_method_options"] = {"card": card_options}
    intent = pay(client, amount, capture_method="manual", **more)
    assert intent.status == "requires_capture"
    return intent


def intent(client, amount=2000, **more):
    """A payment intent that is not confirmed."""
    return client.v1.payment_intents.create(params={"amount": amount, "currency": "usd", **more})


def charge_of(client, payment_intent):
    return client.v1.charges.retrieve(payment_intent.latest_charge)


def new_customer(client, **more):
    return client.v1.customers.create(params={"name": "Ada Lovelace", **more})


def attached(client, customer, method="pm_card_visa"):
    """A payment method of the customer's own."""
    return client.v1.payment_methods.attach(method, params={"customer": customer.id})


def refused(call, code=None, param=None, status=400):
    """The error of a request that is not valid."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        call()
    error = caught.value
    assert error.http_status == status, error
    if code is not None:
        assert error.code == code, error
    if param is not None:
        assert error.param == param, error
    assert error.user_message
    return error


def declined(call, code="card_declined", decline_code=None):
    """The error of a card that was refused: always 402."""
    with pytest.raises(stripe.CardError) as caught:
        call()
    error = caught.value
    assert error.http_status == 402, error
    assert error.code == code, error
    if decline_code is not None:
        assert error.error.decline_code == decline_code, error
    assert error.user_message
    return error


def eventually(check, seconds=10):
    """The first true answer of `check`, asked again and again."""
    until = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.1)


class EventLog:
    """The events from a point in time on."""

    def __init__(self, client):
        self.client = client
        newest = client.v1.events.list(params={"limit": 1}).data
        self.mark = newest[0].id if newest else None

    def all(self):
        """Oldest first."""
        params = {"limit": 100}
        if self.mark:
            params["ending_before"] = self.mark
        return self.client.v1.events.list(params=params).data[::-1]

    def of(self, *prefixes):
        return [event for event in self.all() if event.type.startswith(prefixes)]

    def types(self, *prefixes):
        return [event.type for event in self.of(*prefixes)]
