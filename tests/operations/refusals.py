"""PostgreSQL answers, and takes no writes. Callers and the orchestrator are told why at once; reads go on; when it is over, so do
payments, without a restart."""

import subprocess

from durability.load import Client
from support.cluster import Cluster, eventually, give_to_postgres, stop_all

from .callers import READS, TIMEOUT_S, call, goes_on, is_told
from .prepared import Prepared

# Room for the database, little more.
DISK = "160m"
OFF = "SET default_transaction_read_only = off"
RELOAD = "SELECT pg_reload_conf()"


class SmallDisk:
    """A file system of its own for the data, not for the write-ahead log."""

    def __init__(self, directory):
        self.place = directory / "disk"
        self.place.mkdir()
        self.filling = self.place / "filling"

    def mount(self):
        """Whether there is one: that takes root, and not in every container."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.place]
        return subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def unmount(self):
        subprocess.run(["umount", "-l", self.place], check=True)

    def fill(self):
        with self.filling.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def empty(self):
        self.filling.unlink()


def refuse_writes(place):
    disk = SmallDisk(place.directory)
    if not disk.mount():
        print("  a full disk is not tried: none can be mounted here", flush=True)
        check(place, disk.place, None)
        return
    try:
        check(place, disk.place, disk)
    finally:
        disk.unmount()


def check(place, directory, disk):
    cluster = Cluster(directory, "primary")
    wal = place.directory / "wal"
    wal.mkdir()
    give_to_postgres(wal)
    try:
        cluster.create(wal=wal)
        cluster.start()
        prepared = Prepared(place, cluster)
        # The other one opens no connection to a server that takes no writes.
        servers = [
            prepared.server("server"),
            prepared.server("server of primaries", cluster.url(options="?target_session_attrs=read-write")),
        ]
        with servers[0].running(), servers[1].running():
            clients = [(server, Client(server, TIMEOUT_S)) for server in servers]
            for server, client in clients:
                eventually("payments are written", lambda: goes_on(server, client))
            for reason, begin, end in refusals(cluster, disk):
                begin()
                for server, client in clients:
                    eventually(f"who pays at the {server.name} is told: {reason}", lambda: is_told(server, client, reason))
                for kind in READS:
                    read = call(clients[0][1], kind)
                    assert read.status == 200, f"{reason}: {read} {read.body[:300]!r}"
                end()
                for server, client in clients:
                    eventually(f"payments are written again after: {reason}", lambda: goes_on(server, client))
                print(f"  told and over: {reason}", flush=True)
    finally:
        stop_all([cluster])


def refusals(cluster, disk):
    """What callers are told, and what begins and ends it."""

    def fence(what, value):
        cluster.sql(OFF, f"ALTER {what} SET default_transaction_read_only = {value}")

    def of_server(value):
        cluster.sql(OFF, f"ALTER SYSTEM SET default_transaction_read_only = {value}", RELOAD)

    yield "read-only", lambda: of_server("on"), lambda: of_server("off")
    for what in ("DATABASE florin", "ROLE florin_service"):
        yield "read-only", lambda what=what: fence(what, "on"), lambda what=what: fence(what, "off")
    yield (
        "may not write",
        lambda: cluster.sql("REVOKE INSERT ON ledger.transfers FROM florin_service"),
        lambda: cluster.sql("GRANT INSERT ON ledger.transfers TO florin_service"),
    )
    if disk:
        yield "disk is full", disk.fill, disk.empty
