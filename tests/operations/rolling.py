"""Two servers behind a balancer are restarted one after the other under load, and no request fails."""

import os
import threading
import time
from collections import Counter

from durability.load import PAYMENT
from support.cluster import eventually
from support.server import OtherServer

from .balancer import Balancer, Sender

THREADS = 8
ROLLS = max(1, int(float(os.environ.get("FLORIN_LOAD_S", "2")) / 2))
# The balancer polls every tenth of a second, and this machine may be busy.
DELAYED = {"FLORIN_SERVER_SHUTDOWN_DELAY_MS": "4000"}


def restart_behind_a_balancer(first):
    names = ("second server", "third server")
    second, third = (OtherServer(first, name=name, environment=DELAYED) for name in names)
    with second.running(), third.running():
        servers = [second, third]
        balancer = Balancer(servers)
        for server in servers:
            balancer.wait_for(server)
        load = Load(balancer)
        try:
            for _ in range(ROLLS):
                for server in servers:
                    restart(server, balancer, load)
        finally:
            load.stop()
            balancer.stop()
        failed = {key: count for key, count in load.answers.items() if key[1] != 200}
        print(f"  {load.answers.total()} requests during {2 * ROLLS} restarts, {sum(failed.values())} failed", flush=True)
        assert not failed, failed


def restart(server, balancer, load):
    began = time.monotonic()
    code = server.stop()
    assert code == 0, f"the {server.name} ended with {code}"
    took = time.monotonic() - began
    assert took < 30, f"the {server.name} took {took:.0f} s to stop"
    server.start()
    balancer.wait_for(server)
    load.goes_on(server)


class Load:
    """Payments and reads from several threads, without a pause."""

    def __init__(self, balancer):
        self.balancer = balancer
        self.answers = Counter()
        self.counting = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        sender = Sender(self.balancer)
        while not self.stopping.is_set():
            for method, path, form in (
                ("POST", "/v1/payment_intents", {**PAYMENT, "confirm": "true"}),
                ("GET", "/v1/payment_intents?limit=3", None),
            ):
                answer = sender.send(method, path, form)
                with self.counting:
                    self.answers[answer] += 1
        sender.close()

    def goes_on(self, server):
        """Returns when the server has answered requests, from now on."""
        wanted = self.answers[server.name, 200] + 2 * THREADS
        eventually(f"the {server.name} answers", lambda: self.answers[server.name, 200] >= wanted)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
