"""After the faults: everything is known, and each request had the effect that was answered, once."""

import time
from collections import Counter, defaultdict

from durability.load import Client, at_once
from durability.verify import everything

from .load import DECLINES

# The longest wait is for attempts that a kill cut off: they are asked about after 60 s.
SETTLED_S = 120
REPLAYS = 150
OPEN = ("started", "unknown", "pending")
# The attempts that a command makes, by what the server calls them.
OPERATIONS = {
    "confirm": ("sale", "authorize"), "capture": ("capture",), "increment_authorization": ("increment",), "cancel": ("void",),
}


class Books:
    """All that the server has, at one time."""

    PATHS = {
        "intents": "/v1/payment_intents", "charges": "/v1/charges", "refunds": "/v1/refunds",
        "entries": "/v1/balance_transactions", "attempts": "/x/v1/attempts", "events": "/v1/events",
    }

    def __init__(self, client):
        for name, path in self.PATHS.items():
            setattr(self, name, everything(client, path))

    def differences(self, other):
        """The ids of what is not the same in another one."""
        found = []
        for name in self.PATHS:
            mine, theirs = ({each["id"]: each for each in getattr(books, name)} for books in (self, other))
            found += [key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]
        return found


def wait_until_settled(server):
    """Returns when nothing waits for a processor any more."""
    client = Client(server)
    until = time.monotonic() + SETTLED_S
    while waiting := unsettled(client):
        assert time.monotonic() < until, f"{len(waiting)} are still unknown after {SETTLED_S} s: {waiting[:3]}"
        time.sleep(0.5)
    client.close()


def unsettled(client):
    """What is not known yet; attempts come first, as the rest follows from them."""
    waiting = [one for status in OPEN for one in client.get(f"/x/v1/attempts?limit=100&status={status}")["data"]]
    if not waiting:
        waiting += [one for one in everything(client, "/v1/payment_intents") if one["status"] == "processing"]
        waiting += [one for one in everything(client, "/v1/refunds") if one["status"] == "pending"]
    return waiting


def verify(servers, payments):
    """Raises AssertionError with what is wrong."""
    clients = [Client(server) for server in servers]
    unanswered = [str(each) for payment in payments for each in payment.requests if each.status is None]
    assert not unanswered, f"requests without an answer: {unanswered[:5]}"
    books = Books(clients[0])
    for client in clients[1:]:
        different = books.differences(Books(client))
        assert not different, f"the {client.server.name} says otherwise: {different[:10]}"
    check_once(books, payments)
    check_intents(books, payments)
    check_refunds(books)
    check_events(books)
    check_money(clients[0], books)
    check_replays(clients, payments)
    check_ledger(servers[0])
    check_restart(servers, books)
    count = Counter(intent["status"] for intent in books.intents)
    print(f"  {len(books.intents)} payments: {', '.join(f'{number} {status}' for status, number in sorted(count.items()))}")
    for client in clients:
        client.close()


def check_once(books, payments):
    """Each key had one effect, whatever happened on the way to its answer."""
    markers = Counter(intent["metadata"]["marker"] for intent in books.intents)
    wanted = Counter(payment.marker for payment in payments if payment.of("create", 200) + payment.of("confirm", 200, 402))
    assert markers == wanted, f"intents too many: {markers - wanted}, missing: {wanted - markers}"
    refunds = Counter(refund["metadata"]["marker"] for refund in books.refunds)
    wanted = Counter(each.form["metadata[marker]"] for payment in payments for each in payment.of("refund", 200))
    assert refunds == wanted, f"refunds too many: {refunds - wanted}, missing: {wanted - refunds}"
    made = Counter((attempt["subject"], attempt["operation"]) for attempt in books.attempts)
    for payment in payments:
        for operation, names in OPERATIONS.items():
            asked = len(payment.of(operation, 200, 402))
            if operation == "cancel" and payment.kind == "canceled_instead":
                asked = 0  # Nothing was authorized, so there is nothing to release.
            count = sum(made[payment.id, name] for name in names)
            assert count == asked, f"{payment.kind} {payment.id}: {asked} times {operation} was acknowledged, {count} attempts made"


def check_intents(books, payments):
    """A card that pays was never refused, a canceled intent took nothing, and no payer paid twice."""
    charges = defaultdict(list)
    for charge in books.charges:
        charges[charge["payment_intent"]].append(charge)
    intents = {intent["id"]: intent for intent in books.intents}
    for payment in payments:
        if payment.id is None:
            continue
        intent = intents[payment.id]
        good = [charge for charge in charges[intent["id"]] if charge["status"] == "succeeded"]
        paid = intent["status"] in ("succeeded", "requires_capture")
        shown = f"{payment.kind} {intent['id']} is {intent['status']} with {len(good)} good charges"
        assert len(good) == 1 if paid else len(good) <= (intent["status"] == "canceled"), shown
        captured = sum(charge["amount_captured"] for charge in charges[intent["id"]])
        assert captured == intent["amount_received"], f"{shown}: {captured} captured, {intent['amount_received']} received"
        if intent["status"] == "canceled":
            assert captured == 0 and not any(charge["captured"] for charge in good), f"{shown}, and captured"
        refused = [each for each in payment.requests if each.status == 402]
        if payment.kind != "declined":
            assert not refused, f"{shown}: {refused[0]} was declined: {refused[0].body.decode()}"
            assert len(good) == len(charges[intent["id"]]), f"{shown}, and others"
            assert intent["status"] != "requires_payment_method" or payment.fails, shown
        for each in refused:
            assert each.form["payment_method"] == DECLINES, f"{shown}: {each} was declined"


def check_refunds(books):
    """No more was sent back than was taken, and the charges say how much."""
    refunded = Counter()
    for refund in books.refunds:
        assert refund["status"] == "succeeded", f"no card here fails refunds: {refund}"
        refunded[refund["charge"]] += refund["amount"]
    for charge in books.charges:
        sent_back = refunded[charge["id"]]
        assert sent_back <= charge["amount_captured"], f"{sent_back} refunded of {charge}"
        given_up = charge["amount"] - charge["amount_captured"] if charge["status"] == "succeeded" else 0
        assert charge["amount_refunded"] in (sent_back, sent_back + given_up), f"{sent_back} refunded of {charge}"


def check_events(books):
    """Each payment and refund has its events, once."""
    found = Counter((event["type"], event["data"]["object"]["id"]) for event in books.events)
    wanted = Counter()
    for intent in books.intents:
        wanted["payment_intent.created", intent["id"]] += 1
        if intent["status"] in ("succeeded", "canceled"):
            wanted[f"payment_intent.{intent['status']}", intent["id"]] += 1
    for charge in books.charges:
        wanted[f"charge.{charge['status']}", charge["id"]] += 1
    for refund in books.refunds:
        wanted["refund.created", refund["id"]] += 1
    kinds = {kind for kind, _ in wanted}
    found = Counter({key: count for key, count in found.items() if key[0] in kinds})
    assert found == wanted, f"events too many: {found - wanted}, missing: {wanted - found}"


def check_money(client, books):
    """The merchant's statement holds what was captured and refunded, and adds up to the balance."""
    amounts = Counter()
    for entry in books.entries:
        amounts[entry["type"]] += entry["amount"]
    captured = sum(charge["amount_captured"] for charge in books.charges)
    refunded = sum(refund["amount"] for refund in books.refunds)
    assert (amounts["charge"], amounts["refund"]) == (captured, -refunded), f"{captured} captured, {refunded} refunded: {amounts}"
    balance = client.get("/v1/balance")
    total = sum(entry["amount"] for entry in balance["pending"] + balance["available"])
    net = sum(entry["net"] for entry in books.entries)
    assert total == net, f"the balance is {total}, its statement says {net}"


def check_replays(clients, payments):
    """The same request again gets the same bytes from each server, whatever has become of the payment since."""
    answered = [each for payment in payments for each in payment.requests if each.status in (200, 402)]
    for each in answered[:: max(1, len(answered) // REPLAYS)]:
        for status, headers, body in at_once(clients, "POST", each.path, each.form, each.key):
            same = (status, body) == (each.status, each.body)
            assert same, f"{each} was answered {each.status} {each.body.decode()}, and is now {status} {body.decode()}"
            assert headers["Idempotent-Replayed"] == "true", f"{each} was not replayed"


def check_ledger(server):
    proof = server.command("ledger", "verify", "--json")
    assert proof.returncode == 0, f"ledger verify ends with {proof.returncode}: {proof.stdout[-2000:]} {proof.stderr[-2000:]}"


def check_restart(servers, books):
    """Nothing was left to do: another start changes nothing."""
    for server in servers:
        server.kill()
    for server in servers:
        server.start()
    # A few rounds of the worker.
    time.sleep(1)
    client = Client(servers[-1])
    different = books.differences(Books(client))
    assert not different, f"changed by a restart: {different[:10]}"
    client.close()
