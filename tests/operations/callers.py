"""Callers who go on asking, whatever they are answered, and what they saw."""

import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field

from durability.load import PAYMENT, Client

PAUSE_S = 0.1
# Longer than the server may take for any answer.
TIMEOUT_S = 70
# Much less than commits are tried for, and long enough for a slow machine.
AT_ONCE_S = 8
# What each caller asks for: a list from an index, a scan, and a payment.
READS = {"list": "/v1/customers?limit=1", "scan": "/v1/events?limit=1"}
KINDS = (*READS, "payment")


@dataclass
class Call:
    """One request. Its status is 0 if it was not answered."""

    kind: str
    began: float
    took: float
    status: int
    headers: dict = field(repr=False)
    body: bytes = field(repr=False)


def call(client, kind):
    began = time.monotonic()
    try:
        if kind == "payment":
            form = dict(PAYMENT, confirm="true")
            status, headers, body = client.send("POST", "/v1/payment_intents", form, uuid.uuid4().hex)
        else:
            status, headers, body = client.send("GET", READS[kind])
    except (OSError, http.client.HTTPException) as error:
        status, headers, body = 0, {}, str(error).encode()
    return Call(kind, began, time.monotonic() - began, status, headers, body)


class Callers:
    """Several of each kind, each with a connection of its own."""

    def __init__(self, server, of_each=4):
        self.calls = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.ask, args=(server, kind), daemon=True) for kind in KINDS for _ in range(of_each)
        ]

    def ask(self, server, kind):
        client = Client(server, TIMEOUT_S)
        while not self.stopping.wait(PAUSE_S):
            self.calls.append(call(client, kind))
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def between(self, begin, end=float("inf")):
        """The calls that began then."""
        return [call for call in self.calls if begin <= call.began < end]


def all_well(calls, what):
    """Each kind was asked for, and all were answered 200."""
    for kind in KINDS:
        statuses = [call.status for call in calls if call.kind == kind]
        assert statuses, f"{what}: no {kind} was asked for"
        wrong = [call for call in calls if call.kind == kind and call.status != 200]
        assert not wrong, f"{what}: {len(wrong)} of {len(statuses)} were answered otherwise: {wrong[0]} {wrong[0].body[:300]!r}"


def all_tell_to_try_again(calls, what):
    """What was refused says when to try again. Scans are few at a time, so that others are told that too many wait."""
    refused = [call for call in calls if call.status != 200]
    assert refused, f"{what}: nothing was refused"
    for call in refused:
        assert call.status in (503, 504) or (call.status == 429 and call.kind in READS), f"{what}: {call} {call.body[:300]!r}"
        assert call.headers["Retry-After"], f"{what}: {call} has no Retry-After"


def readiness(server):
    """Whether it says that it is ready, and if not, why."""
    connection = http.client.HTTPConnection("127.0.0.1", server.health_port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == 200, json.loads(answer.read()).get("reason", "")
    finally:
        connection.close()


def is_told(server, client, reason):
    """Whether the server says of itself that it is not ready because of that, and tells who pays the same, at once."""
    ready, said = readiness(server)
    paid = call(client, "payment")
    if ready or reason not in said or paid.status == 200:
        return False
    assert paid.status == 503 and reason.encode() in paid.body, f"{paid} {paid.body[:300]!r}"
    assert paid.headers["Retry-After"], f"{paid} has no Retry-After"
    assert paid.took < AT_ONCE_S, f"{paid} was not told at once"
    return True


def goes_on(server, client):
    """Whether it is ready, and a payment is written."""
    return readiness(server)[0] and call(client, "payment").status == 200
