"""Payments as fast as the server can take them, by `florin bench`, which keeps a journal of them."""

import json
import subprocess
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

from support.server import binary

CONNECTIONS = 64
READY_S = 60
# `florin bench` waits for the answers under way for ten seconds.
END_S = 60
PATH = "/v1/payment_intents"
# Of the one payment that is made before the flood begins, and is not in the journal.
TRIAL = "florin bench"


@dataclass
class Sent:
    """A payment out of the journal: one request, acknowledged if the journal has an id for it."""

    key: str
    form: dict
    id: str = None

    @property
    def acknowledged(self):
        return self.id is not None

    @property
    def amount(self):
        return int(self.form["amount"])

    def next_request(self):
        return PATH, self.form, self.key

    def acknowledge(self, body):
        self.id = json.loads(body)["id"]

    def requests(self):
        """The request, if it was acknowledged; the journal does not have the answer."""
        return [(self.next_request(), None)] if self.acknowledged else []


class Flood:
    """A `florin bench` under way. It outlives the server, and goes on when that is back."""

    def __init__(self, server, seconds):
        self.journal = server.directory / f"journal-{time.monotonic_ns()}"
        self.log = self.journal.with_suffix(".log")
        self.command = [
            binary(), "bench", "--data", server.data, "--journal", self.journal, "--connections", str(CONNECTIONS),
            "--seconds", str(seconds), "--rounds", "1", "--no-yardstick",
        ]
        self.process = None

    def start(self):
        """Returns when the first payments are sent."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until = time.monotonic() + READY_S
        while not self.journal.exists():
            assert self.process.poll() is None and time.monotonic() < self.until, f"no load: {self.log.read_text()}"
            time.sleep(0.02)

    def wait(self, seconds):
        """Returns when it has ended by itself."""
        code = self.process.wait(seconds + END_S)
        assert code == 0, f"florin bench ends with {code}: {self.log.read_text()}"

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def payments(self):
        """What was sent."""
        payments = {}
        for line in self.journal.read_text().splitlines():
            event, key, rest = line.split(" ", 2)
            if event == "sent":
                payments[key] = Sent(key, dict(parse_qsl(rest)))
            else:
                payments[key].id = rest
        return list(payments.values())
