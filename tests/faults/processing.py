"""The server is killed right after it has said that a payment is processing; the next one finds out."""

import random
from collections import Counter

from durability.load import Client
from durability.verify import everything

from .caller import Caller
from .verify import check_ledger, wait_until_settled

PAYMENT = {"amount": "2000", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
KINDS = {"automatic": "succeeded", "manual": "requires_capture"}


def kill_while_processing(server):
    """One payment that is captured at once, one that is only authorized."""
    asked = {}
    caller = Caller([server], [], random.Random())
    for method in KINDS:
        asked[method] = caller.post("confirm", "/v1/payment_intents", {**PAYMENT, "capture_method": method})
        assert asked[method].answer["status"] == "processing", asked[method].body.decode()
    caller.close()
    server.kill()
    server.start()
    wait_until_settled(server)
    client = Client(server)
    counts = Counter((event["type"], event["data"]["object"]["id"]) for event in everything(client, "/v1/events"))
    for method, status in KINDS.items():
        check_payment(client, asked[method], status)
        id = asked[method].answer["id"]
        outcome = "payment_intent.succeeded" if status == "succeeded" else "payment_intent.amount_capturable_updated"
        for kind in ("payment_intent.created", "payment_intent.processing", outcome):
            assert counts[kind, id] == 1, f"{kind} of {id} has {counts[kind, id]} events"
    assert sum(count for (kind, _), count in counts.items() if kind == "charge.succeeded") == len(KINDS)
    check_ledger(server)
    client.close()


def check_payment(client, request, status):
    """It has become what it would have been, with one attempt, and its request is still answered as it was."""
    id = request.answer["id"]
    intent = client.get(f"/v1/payment_intents/{id}")
    assert intent["status"] == status, intent
    attempts = client.get(f"/x/v1/attempts?payment_intent={id}")["data"]
    assert [attempt["status"] for attempt in attempts] == ["succeeded"], attempts
    # One question was answered "still unknown".
    assert attempts[0]["queries"] >= 2, attempts
    again, headers, body = client.send("POST", request.path, request.form, request.key)
    assert (again, body) == (200, request.body), f"{request} is now answered {again} {body.decode()}"
    assert headers["Idempotent-Replayed"] == "true"
