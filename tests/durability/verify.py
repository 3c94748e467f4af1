"""After a crash: what was acknowledged is there, what was not can be repeated, and everything happened once."""

import http.client
import json
import time
from collections import Counter

from .load import AMOUNT, Client

# 2.9 % and 30 minor units.
NET = AMOUNT - 88
RETRY_S = 60
REPLAYS = 60


def verify(server, payments):
    """Raises AssertionError with what is wrong."""
    client = Client(server)
    acknowledged = [payment for payment in payments if payment.acknowledged]
    unknown = [payment for payment in payments if not payment.acknowledged]
    for payment in acknowledged:
        check_paid(client.get(f"/v1/payment_intents/{payment.id}"), payment)
    check_replays(client, acknowledged)
    for payment in unknown:
        finish(client, payment)
    check_effects(client, payments)
    check_books(client, server, len(payments))
    print(f"  {len(acknowledged)} acknowledged payments are there, {len(unknown)} unknown ones were finished, each once")


def check_paid(intent, payment):
    assert intent["status"] == "succeeded", f"{payment.id} was acknowledged and is {intent['status']}"
    assert intent["amount_received"] == AMOUNT
    assert intent["description"] == payment.key


def check_replays(client, payments):
    """The same request again gets the same bytes, also from a server that was started after."""
    for payment in payments[:: max(1, len(payments) // REPLAYS)]:
        for step, body in enumerate(payment.bodies):
            path, form, key = payment.request(step)
            status, headers, again = client.send("POST", path, form, key)
            assert (status, again) == (200, body), f"{path} with {key} was answered differently: {status} {again[:300]!r}"
            assert headers["Idempotent-Replayed"] == "true", f"{key} was not replayed"


def finish(client, payment):
    """Repeats what was not acknowledged, with its own key."""
    until = time.monotonic() + RETRY_S
    while not payment.acknowledged:
        path, form, key = payment.next_request()
        try:
            status, _, body = client.send("POST", path, form, key)
        except (OSError, http.client.HTTPException) as error:
            status, body = 0, str(error).encode()
        if status == 200:
            payment.acknowledge(body)
            continue
        assert status in (0, 409, 429, 500, 503) and time.monotonic() < until, f"{path} answers {status}: {body[:500]!r}"
        time.sleep(0.2)
    check_paid(json.loads(payment.bodies[-1]), payment)


def everything(client, path):
    """All objects of a list."""
    found = []
    cursor = ""
    while True:
        page = client.get(f"{path}?limit=100{cursor}")
        found += page["data"]
        if not page["has_more"]:
            return found
        cursor = f"&starting_after={found[-1]['id']}"


def check_effects(client, payments):
    """One intent and one charge for each payment, and nothing else."""
    intents = everything(client, "/v1/payment_intents")
    by_key = Counter(intent["description"] for intent in intents)
    assert by_key == Counter(payment.key for payment in payments), difference(by_key, payments)
    assert {intent["status"] for intent in intents} <= {"succeeded"}, Counter(intent["status"] for intent in intents)
    charges = Counter(charge["payment_intent"] for charge in everything(client, "/v1/charges") if charge["paid"])
    assert charges == Counter(intent["id"] for intent in intents), "not one charge for each payment"


def difference(by_key, payments):
    wanted = Counter(payment.key for payment in payments)
    return f"intents too many: {list((by_key - wanted).items())[:5]}, missing: {list((wanted - by_key).items())[:5]}"


def check_books(client, server, count):
    """The balance is the sum of the payments, and the ledger proves itself."""
    balance = client.get("/v1/balance")
    total = sum(entry["amount"] for entry in balance["pending"] + balance["available"] if entry["currency"] == "usd")
    assert total == count * NET, f"the balance is {total}, not {count} times {NET}"
    proof = server.command("ledger", "verify", "--json")
    assert proof.returncode == 0, f"ledger verify ends with {proof.returncode}: {proof.stdout[-2000:]} {proof.stderr[-2000:]}"
    json.loads(proof.stdout)
