"""What a plain load balancer does: requests go in turn to servers whose /readyz says 200, over connections that are kept, and none is
sent a second time."""

import http.client
import itertools
import select
import threading
import time

from durability.load import Client
from support.cluster import eventually
from support.server import is_ready

POLL_S = 0.1


class Balancer:
    """Which servers get requests."""

    def __init__(self, servers):
        self.servers = servers
        self.ready = {}
        self.turns = itertools.count()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.watch, args=(server,), daemon=True) for server in servers]
        for thread in self.threads:
            thread.start()

    def watch(self, server):
        while not self.stopping.is_set():
            self.ready[server.name] = is_ready(server.url)
            time.sleep(POLL_S)

    def wait_for(self, server):
        """Returns when the server gets requests."""
        eventually(f"the {server.name} is behind the balancer", lambda: self.ready.get(server.name))

    def pick(self):
        """None if no server is ready."""
        ready = [server for server in self.servers if self.ready.get(server.name)]
        return ready[next(self.turns) % len(ready)] if ready else None

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Sender:
    """One of a balancer's connections to each server. It is used by one thread."""

    def __init__(self, balancer):
        self.balancer = balancer
        self.clients = {server.name: Client(server) for server in balancer.servers}

    def send(self, method, path, form=None):
        """The name of the server that was asked, and the status; what went wrong if there was no answer."""
        server = self.balancer.pick()
        if server is None:
            time.sleep(POLL_S)
            return "balancer", "no server is ready"
        client = self.clients[server.name]
        # A balancer sees that an idle connection was closed before it uses it.
        socket = client.connection and client.connection.sock
        if socket and select.select([socket], [], [], 0)[0]:
            client.close()
        try:
            status, _, _ = client.send(method, path, form)
            return server.name, status
        except (OSError, http.client.HTTPException) as error:
            return server.name, f"{type(error).__name__}: {error}"

    def close(self):
        for client in self.clients.values():
            client.close()
