"""What is sent at the same time: as much as the servers can take, and payments in steps with all of their answers."""

import os
import time

from .flood import Flood
from .load import Load

THREADS = 8
LOAD_S = float(os.environ.get("FLORIN_LOAD_S", "2.5"))
# How long the servers may take until they acknowledge something again.
RECOVERY_S = 90


class Loads:
    """A load of some servers, from `with` to its end. Then `payments` are all that was sent."""

    def __init__(self, servers, flooded=None):
        """`flooded` are those that get as much as they can take, if not all do."""
        self.flood = Flood(flooded or servers)
        self.load = Load(servers, THREADS)
        self.payments = []

    def __enter__(self):
        try:
            self.flood.start()
            self.load.start()
            self.goes_on(*self.load.servers)
        except BaseException:
            self.give_up()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.give_up()
            return
        try:
            self.flood.stop()
            self.load.stop()
        finally:
            self.give_up()
        self.payments = self.load.payments + self.flood.payments()
        acknowledged = sum(payment.acknowledged for payment in self.payments)
        print(
            f"  {acknowledged} of {len(self.payments)} payments acknowledged, {self.load.repeated} answers repeated beside the flood's",
            flush=True,
        )

    def give_up(self):
        self.load.stopping.set()
        self.flood.kill()

    def goes_on(self, *servers):
        """Returns when each server acknowledges requests, from now on."""
        before = self.load.answered.copy()
        until = time.monotonic() + RECOVERY_S
        for server in servers:
            while self.load.answered[server.name] == before[server.name]:
                assert server.process.poll() is None, f"the {server.name} ended with {server.process.returncode}"
                assert time.monotonic() < until, f"the {server.name} acknowledges nothing within {RECOVERY_S} s"
                assert not self.load.problems, f"wrong: {self.load.problems[0]}"
                time.sleep(0.05)
