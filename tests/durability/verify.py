"""After a crash: what was acknowledged is there, what was not can be repeated, and everything happened once."""

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .flood import TRIAL
from .load import Client, at_once

RETRY_S = 60
REPLAYS = 300
THREADS = 8


def verify(servers, payments):
    """Raises AssertionError with what is wrong. The servers have one database, and say the same."""
    acknowledged = [payment for payment in payments if payment.acknowledged]
    unknown = [payment for payment in payments if not payment.acknowledged]
    found = intents(servers)
    check_paid(found, acknowledged)
    begun = [payment.id for payment in unknown if payment.id and payment.id not in found]
    assert not begun, f"{len(begun)} were acknowledged and are not there: {begun[:3]}"
    check_replays(servers, payments)
    at_the_same_time(servers, unknown, finish)
    paid = intents(servers)
    check_paid(paid, payments)
    client = Client(servers[0])
    check_nothing_else(client, paid, payments)
    check_books(client, servers[0], paid)
    print(
        f"  {len(acknowledged)} acknowledged payments are there, {len(unknown)} unknown ones were finished, each once",
        flush=True,
    )


def at_the_same_time(servers, payments, action):
    """Does something for each payment, with a connection to each server, several at a time."""

    def share(number):
        clients = [Client(server) for server in servers]
        try:
            for payment in payments[number::THREADS]:
                action(clients, payment)
        finally:
            for client in clients:
                client.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(share, range(THREADS)))


def intents(servers):
    """What is listed, by id: status, amount received, description."""
    first, *others = [list(walk(Client(server), "/v1/payment_intents")) for server in servers]
    for server, other in zip(servers[1:], others):
        assert other == first, f"the {server.name} lists others: {[one for one in other if one not in first][:3]}"
    found = {}
    for intent in first:
        assert intent["id"] not in found, f"{intent['id']} is listed twice"
        found[intent["id"]] = (intent["status"], intent["amount_received"], intent["description"])
    return found


def check_paid(paid, payments):
    for payment in payments:
        assert payment.id in paid, f"{payment.id} was acknowledged and is not there"
        status, received, _ = paid[payment.id]
        assert status == "succeeded", f"{payment.id} was acknowledged and is {status}"
        assert received == payment.amount, f"{payment.id} is of {received}, not {payment.amount}"


def check_replays(servers, payments):
    """The same request again gets the same answer from each server, also from one that was started after."""

    def replay(clients, payment):
        for (path, form, key), body in payment.requests():
            for status, headers, again in at_once(clients, "POST", path, form, key):
                same = status == 200 and (again == body if body else json.loads(again)["id"] == payment.id)
                assert same, f"{path} with {key}, which was answered {body!r}, is now answered {status} {again[:500]!r}"
                assert headers["Idempotent-Replayed"] == "true", f"{key} was not replayed"

    at_the_same_time(servers, payments[:: max(1, len(payments) // REPLAYS)], replay)


def finish(clients, payment):
    """Repeats what was not acknowledged, with its own key, some of it at all servers at once: one payment, one answer."""
    until = time.monotonic() + RETRY_S
    if random.random() < 0.7:
        clients = [random.choice(clients)]
    while not payment.acknowledged:
        path, form, key = payment.next_request()
        answers = at_once(clients, "POST", path, form, key)
        bodies = {body for status, _, body in answers if status == 200}
        assert len(bodies) <= 1, f"{path} with {key} has several answers: {bodies}"
        for status, _, body in answers:
            assert status in (200, 0, 409, 429, 500, 503), f"{path} answers {status}: {body[:500]!r}"
        if bodies:
            payment.acknowledge(bodies.pop())
            continue
        assert time.monotonic() < until, f"{path} with {key} has no answer: {answers}"
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
