"""A server whose machine has the wrong time joins: it writes nothing, and nothing happens because of it, until it is right."""

import http.client
import os
import time
from pathlib import Path

from support.server import OtherServer

from .load import Client, Payment
from .loads import LOAD_S, Loads
from .verify import verify

# Later than funds become available; than an authorization ends and an idempotency key is forgotten; and behind.
OFFSETS = ("+2d", "+40d", "-2d")
AUTHORIZATIONS = 5
NOTICED_S = 60
# Rounds of a worker that would believe it.
WORKER_POLL_MS = "50"


class ShiftedClock:
    """The wall clock of the processes that have its `environment`; the monotonic clock stays as it is."""

    def __init__(self, file):
        self.file = file
        self.environment = {
            "LD_PRELOAD": str(libfaketime()),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset):
        """`+40d`, for instance."""
        new = self.file.with_suffix(".new")
        new.write_text(offset)
        os.replace(new, self.file)


def libfaketime():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is not installed (Debian: apt-get install faketime)"
    return found[0]


def shift_clocks(first):
    clock = ShiftedClock(first.directory / "offset")
    second = OtherServer(first, environment={**clock.environment, "FLORIN_WORKER_POLL_MS": WORKER_POLL_MS})
    authorized = authorize(first)
    # It has the wrong time from its start on, and then again while it takes part.
    clock.set(OFFSETS[0])
    with second.running(ready=False):
        with Loads([first], flooded=[first]) as before:
            join(first, second, clock, OFFSETS[0], before, authorized)
        with Loads([first, second], flooded=[first]) as loads:
            time.sleep(LOAD_S / 2)
            for offset in OFFSETS[1:]:
                clock.set(offset)
                join(first, second, clock, offset, loads, authorized)
                loads.goes_on(first, second)
        # The authorizations are captured, as what is open.
        verify([first, second], before.payments + loads.payments + authorized)


def authorize(server):
    payments = [Payment("captured later") for _ in range(AUTHORIZATIONS)]
    client = Client(server)
    for payment in payments:
        status, _, body = client.send("POST", *payment.next_request())
        assert status == 200, f"{status} {body!r}"
        payment.acknowledge(body)
    client.close()
    return payments


def join(first, second, clock, offset, loads, authorized):
    """The second server has the wrong time: it writes nothing, and the first one is not disturbed. Then it is right."""
    until = time.monotonic() + NOTICED_S
    while second.is_ready() or not second.answers():
        assert second.process.poll() is None, f"the {second.name} ended with {second.process.returncode}"
        assert time.monotonic() < until, f"the {second.name} does not notice that its clock is wrong by {offset}"
        time.sleep(0.05)
    refused, replayed = ask(second, loads, LOAD_S / 2)
    loads.goes_on(first)
    check_unchanged(first, offset, authorized)
    clock.set("+0d")
    second.wait_until_ready()
    check_unchanged(first, offset, authorized)
    print(f"  clock wrong by {offset}: {refused} new payments refused, {replayed} answers repeated", flush=True)


def ask(server, loads, seconds):
    """New payments are refused, and remain to be made; repeated ones have their answers, or none."""
    client = Client(server)
    refused = replayed = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until or not (refused and replayed):
        assert time.monotonic() < until + NOTICED_S, f"{refused} refused, {replayed} repeated"
        payment = Payment("at once")
        status, body = send(client, payment.next_request())
        assert status == 503, f"the {server.name} answers {status} while its clock is wrong: {body!r}"
        loads.load.payments.append(payment)
        refused += 1
        # Any that was acknowledged.
        done = next((one for one in reversed(loads.load.payments) if one.bodies), None)
        if done:
            request, body = done.requests()[0]
            status, again = send(client, request)
            assert status == 503 or (status, again) == (200, body), f"{request} is answered {status} {again!r}, not {body!r}"
            replayed += 1
        time.sleep(0.02)
    client.close()
    return refused, replayed


def send(client, request):
    try:
        status, _, body = client.send("POST", *request)
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()
    return status, body


def check_unchanged(server, offset, authorized):
    """No funds are released, and no authorization is ended."""
    client = Client(server)
    balance = client.get("/v1/balance")
    released = [entry for entry in balance["available"] if entry["amount"] != 0]
    assert not released, f"funds are available since a clock was wrong by {offset}: {released}"
    for payment in authorized:
        intent = client.get(f"/v1/payment_intents/{payment.id}")
        assert intent["status"] == "requires_capture", f"{payment.id} is {intent['status']} since a clock was wrong by {offset}"
    client.close()
