"""Payments as fast as the servers can take them, by `florin bench`, which keeps a journal of them and repeats some."""

import json
import subprocess
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

from support.server import binary

CONNECTIONS = 64
REPEATED_PERCENT = 15
READY_S = 60
# `florin bench` waits for the answers under way for ten seconds.
END_S = 60
# Nothing here takes longer.
SECONDS_MAX = 3600
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
    """A `florin bench` under way, over one server or two. It outlives them, and goes on when they are back."""

    def __init__(self, servers):
        first = servers[0]
        self.journal = first.directory / f"journal-{time.monotonic_ns()}"
        self.log = self.journal.with_suffix(".log")
        self.command = [
            binary(), "bench", "--url", first.url, "--key", first.key, "--journal", self.journal, "--rounds", "1",
            "--connections", str(CONNECTIONS), "--seconds", str(SECONDS_MAX), "--repeats", str(REPEATED_PERCENT),
            "--no-yardstick",
        ]
        for other in servers[1:]:
            self.command += ["--also", other.url]
        self.process = None

    def start(self):
        """Returns when the first payments are sent."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.journal.parent
            )
        until = time.monotonic() + READY_S
        while not self.journal.exists():
            assert self.process.poll() is None and time.monotonic() < until, f"no load: {self.log.read_text()}"
            time.sleep(0.02)

    def stop(self):
        """Returns when what was under way is answered, and everything is written down."""
        assert self.process.poll() is None, f"florin bench ended by itself: {self.log.read_text()}"
        self.process.terminate()
        code = self.process.wait(END_S)
        assert code == 0, f"florin bench ends with {code}: {self.log.read_text()}"

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def payments(self):
        """What was sent; each repeated request had the first one's answer, unless it says nothing about the payment."""
        payments = {}
        for line in self.journal.read_text().splitlines():
            event, key, rest = line.split(" ", 2)
            if event == "sent":
                payments[key] = Sent(key, dict(parse_qsl(rest)))
            elif event == "acknowledged":
                payments[key].id = rest
            else:
                unclear = rest == "429" or rest.startswith("5")
                first = payments[key].id
                assert unclear or rest == first, f"{key} was answered {first}, and when it was repeated {rest}"
        return list(payments.values())
