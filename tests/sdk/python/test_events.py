"""The events of every change: which types, in which order, and the object as it was then."""

import pytest

from florin_sdk import challenge
from florin_sdk.build import EventLog, attached, authorize, declined, eventually, intent, new_customer, pay, refused, unique


@pytest.fixture
def log(client):
    return EventLog(client)


def position(types, wanted):
    assert wanted in types, f"{wanted} is missing from {types}"
    return types.index(wanted)


def test_one_step(client, log):
    paid = pay(client)
    types = log.types("payment_intent.", "charge.")
    assert sorted(types) == ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"]
    assert position(types, "payment_intent.created") == 0
    by_type = {event.type: event for event in log.of("payment_intent.", "charge.")}
    assert by_type["payment_intent.succeeded"].data.object.to_dict()["id"] == paid.id
    assert by_type["charge.succeeded"].data.object.to_dict()["id"] == paid.latest_charge


def test_manual_capture(client, log):
    held = authorize(client)
    client.v1.payment_intents.capture(held.id)
    types = log.types("payment_intent.", "charge.")
    assert sorted(types) == sorted([
        "payment_intent.created", "payment_intent.amount_capturable_updated", "charge.succeeded", "charge.captured",
        "payment_intent.succeeded",
    ])
    order = [position(types, each) for each in ("payment_intent.created", "charge.succeeded", "charge.captured")]
    assert order == sorted(order)
    assert position(types, "payment_intent.amount_capturable_updated") < position(types, "payment_intent.succeeded")


def test_the_object_as_of_that_moment(client, log):
    held = authorize(client, 2000)
    client.v1.payment_intents.capture(held.id, params={"amount_to_capture": 1500})
    client.v1.refunds.create(params={"payment_intent": held.id})
    objects = {event.type: event.data.object.to_dict() for event in log.of("payment_intent.", "charge.")}
    assert objects["payment_intent.amount_capturable_updated"]["status"] == "requires_capture"
    assert objects["payment_intent.amount_capturable_updated"]["amount_capturable"] == 2000
    assert objects["payment_intent.succeeded"]["amount_received"] == 1500
    assert objects["charge.succeeded"]["captured"] is False
    assert objects["charge.captured"]["amount_captured"] == 1500
    assert objects["charge.refunded"]["amount_refunded"] >= 1500


def test_declined(client, log):
    declined(lambda: pay(client, payment_method="pm_card_visa_chargeDeclined"))
    assert sorted(log.types("payment_intent.", "charge.")) == [
        "charge.failed", "payment_intent.created", "payment_intent.payment_failed",
    ]
    failed = log.of("payment_intent.payment_failed")[0].data.object.to_dict()
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == "card_declined"


def test_three_d_secure(client, log):
    made = pay(client, payment_method="pm_card_authenticationRequired", return_url="https://shop.example.com/")
    assert log.types("payment_intent.", "charge.") == ["payment_intent.created", "payment_intent.requires_action"]
    challenge.approve(made.next_action.redirect_to_url.url)
    types = log.types("payment_intent.", "charge.")
    assert types[:2] == ["payment_intent.created", "payment_intent.requires_action"]
    assert sorted(types[2:]) == ["charge.succeeded", "payment_intent.succeeded"]


def test_canceled(client, log):
    client.v1.payment_intents.cancel(intent(client).id)
    assert log.types("payment_intent.", "charge.") == ["payment_intent.created", "payment_intent.canceled"]


def test_refunds(client, log):
    paid = pay(client)
    client.v1.refunds.create(params={"payment_intent": paid.id, "amount": 500})
    types = log.types("charge.refund", "refund.")
    assert sorted(types) == ["charge.refunded", "refund.created"]
    event = log.of("charge.refunded")[0]
    assert event.data.previous_attributes.to_dict()["amount_refunded"] == 0


def test_pending_refund(client, log):
    paid = pay(client, payment_method="pm_card_pendingRefund")
    client.v1.refunds.create(params={"payment_intent": paid.id})
    eventually(lambda: log.of("refund.updated"), seconds=30)
    made, updated = log.of("refund.created")[0], log.of("refund.updated")[-1]
    assert made.data.object.to_dict()["status"] == "pending"
    assert updated.data.object.to_dict()["status"] == "succeeded"
    assert updated.data.previous_attributes.to_dict()["status"] == "pending"
    again = log.of("charge.refund.updated")[-1]
    assert again.data.to_dict() == updated.data.to_dict()


def test_an_updated_refund(client, log):
    made = client.v1.refunds.create(params={"payment_intent": pay(client).id, "metadata": {"a": "1"}})
    client.v1.refunds.update(made.id, params={"metadata": {"a": "2"}})
    for event_type in ("refund.updated", "charge.refund.updated"):
        [event] = log.of(event_type)
        assert event.data.previous_attributes.to_dict() == {"metadata": {"a": "1"}}


def test_every_update_says_what_changed(client):
    """Of all that the tests before have done."""
    events = client.v1.events.list(params={"limit": 100}).auto_paging_iter()
    updates = [event for event in events if event.type.endswith(".updated")]
    assert len(updates) >= 5
    for event in updates:
        assert event.data.previous_attributes.to_dict(), event.type


def test_customers(client, log):
    made = new_customer(client, description="before", metadata={"a": "1"})
    client.v1.customers.update(made.id, params={"description": "after", "metadata": {"b": "2"}})
    client.v1.customers.delete(made.id)
    events = log.of("customer.")
    assert [event.type for event in events] == ["customer.created", "customer.updated", "customer.deleted"]
    created, updated, _ = events
    assert created.data.object.to_dict()["description"] == "before"
    assert "previous_attributes" not in created.data.to_dict()
    assert updated.data.object.to_dict()["description"] == "after"
    before = updated.data.previous_attributes.to_dict()
    assert before["description"] == "before"
    assert before["metadata"] == {"b": None}


def test_an_update_that_changes_nothing_is_no_event(client, log):
    made = new_customer(client, description="same")
    client.v1.customers.update(made.id, params={"description": "same"})
    assert log.types("customer.") == ["customer.created"]


def test_payment_methods(client, log):
    owner = new_customer(client)
    method = attached(client, owner)
    client.v1.payment_methods.update(method.id, params={"metadata": {"a": "1"}})
    client.v1.payment_methods.detach(method.id)
    assert log.types("payment_method.") == ["payment_method.attached", "payment_method.updated", "payment_method.detached"]
    assert log.of("payment_method.detached")[0].data.previous_attributes.to_dict()["customer"] == owner.id


def test_setup_intents(client, log):
    client.v1.setup_intents.create(params={"confirm": True, "payment_method": "pm_card_visa"})
    waiting = client.v1.setup_intents.create(params={
        "confirm": True, "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example.com/",
    })
    challenge.fail(waiting.next_action.redirect_to_url.url)
    client.v1.setup_intents.cancel(waiting.id)
    assert log.types("setup_intent.") == [
        "setup_intent.created", "setup_intent.succeeded",
        "setup_intent.created", "setup_intent.requires_action", "setup_intent.setup_failed", "setup_intent.canceled",
    ]


def test_the_request_that_caused_it(client, log, recorder):
    key = unique()
    client.v1.customers.create(params={"name": "Ada"}, options={"idempotency_key": key})
    answer = recorder.last
    event = log.of("customer.created")[0]
    assert event.request.id == answer.headers["request-id"]
    assert event.request.idempotency_key == key
    assert event.livemode is False
    assert event.api_version == "2026-10-28.endive"
    assert event.pending_webhooks == 0


def test_retrieve(client, log):
    new_customer(client)
    event = log.of("customer.created")[0]
    assert client.v1.events.retrieve(event.id).to_dict() == event.to_dict()
    refused(lambda: client.v1.events.retrieve("evt_nothere"), "resource_missing", status=404)


def test_list_filters(client, log):
    made = new_customer(client)
    paid = pay(client)

    def listed(**params):
        return client.v1.events.list(params={"ending_before": log.mark, "limit": 100, **params}).data

    assert {each.type for each in listed(type="customer.created")} == {"customer.created"}
    assert [each.data.object.to_dict()["id"] for each in listed(type="customer.created")] == [made.id]
    assert {each.type for each in listed(type="payment_intent.*")} == {"payment_intent.created", "payment_intent.succeeded"}
    both = listed(types=["customer.created", "charge.succeeded"])
    assert {each.data.object.to_dict()["id"] for each in both} == {made.id, paid.latest_charge}
    assert listed(created={"gt": paid.created + 1000}) == []
    refused(lambda: listed(type="customer.created", types=["charge.succeeded"]))


def test_a_replayed_request_is_no_event(client, log):
    key = unique()
    for _ in range(3):
        client.v1.customers.create(params={"name": "Ada"}, options={"idempotency_key": key})
    assert log.types("customer.") == ["customer.created"]
