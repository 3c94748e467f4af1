"""After a crash: what was acknowledged is there, what was not can be repeated, and everything happened once."""

import http.client
import json
import time
from collections import Counter

from .flood import TRIAL
from .load import Client

RETRY_S = 60
REPLAYS = 60


def verify(server, payments):
    """Raises AssertionError with what is wrong."""
    client = Client(server)
    acknowledged = [payment for payment in payments if payment.acknowledged]
    unknown = [payment for payment in payments if not payment.acknowledged]
    check_paid(intents(client), acknowledged)
    check_replays(client, acknowledged)
    for payment in unknown:
        finish(client, payment)
    paid = intents(client)
    check_paid(paid, payments)
    check_nothing_else(client, paid, payments)
    check_books(client, server, paid)
    print(f"  {len(acknowledged)} acknowledged payments are there, {len(unknown)} unknown ones were finished, each once")


def intents(client):
    """What is listed, by id: status, amount received, description."""
    found = {}
    for intent in walk(client, "/v1/payment_intents"):
        assert intent["id"] not in found, f"{intent['id']} is listed twice"
        found[intent["id"]] = (intent["status"], intent["amount_received"], intent["description"])
    return found


def check_paid(paid, payments):
    for payment in payments:
        assert payment.id in paid, f"{payment.id} was acknowledged and is not there"
        status, received, _ = paid[payment.id]
        assert status == "succeeded", f"{payment.id} was acknowledged and is {status}"
        assert received == payment.amount, f"{payment.id} is of {received}, not {payment.amount}"


def check_replays(client, payments):
    """The same request again gets the same answer, also from a server that was started after."""
    for payment in payments[:: max(1, len(payments) // REPLAYS)]:
        for (path, form, key), body in payment.requests():
            status, headers, again = client.send("POST", path, form, key)
            same = again == body if body else json.loads(again)["id"] == payment.id
            assert status == 200 and same, f"{path} with {key} was answered differently: {status} {again[:300]!r}"
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


def walk(client, path):
    """The objects of a list, one after the other."""
    cursor = ""
    while True:
        page = client.get(f"{path}?limit=100{cursor}")
        yield from page["data"]
        if not page["has_more"]:
            return
        cursor = f"&starting_after={page['data'][-1]['id']}"


def everything(client, path):
    """All objects of a list."""
    return list(walk(client, path))


def check_nothing_else(client, paid, payments):
    """One intent for each payment, one charge for each intent: a payment made twice has a second id, which was not acknowledged."""
    ids = Counter(payment.id for payment in payments)
    assert len(ids) == len(payments), f"one intent for several payments: {ids.most_common(3)}"
    others = [(id, intent) for id, intent in paid.items() if id not in ids and intent[2] != TRIAL]
    assert not others, f"{len(others)} intents that were never acknowledged, such as {others[0]}"
    charges = Counter(charge["payment_intent"] for charge in walk(client, "/v1/charges") if charge["paid"])
    assert charges == Counter(dict.fromkeys(paid, 1)), "not one charge for each payment"


def net(amount):
    """Without the fee of 2.9 % and 30 minor units."""
    return amount - (amount * 290 + 5000) // 10000 - 30


def check_books(client, server, paid):
    """The balance is the sum of the payments, and the ledger proves itself."""
    balance = client.get("/v1/balance")
    total = sum(entry["amount"] for entry in balance["pending"] + balance["available"] if entry["currency"] == "usd")
    expected = sum(net(received) for _, received, _ in paid.values())
    assert total == expected, f"the balance is {total}, not {expected}"
    proof = server.command("ledger", "verify", "--json")
    assert proof.returncode == 0, f"ledger verify ends with {proof.returncode}: {proof.stdout[-2000:]} {proof.stderr[-2000:]}"
    json.loads(proof.stdout)
