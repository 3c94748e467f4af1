"""pgbouncer between server and PostgreSQL: by session all works; by transaction or by statement the server does not start, and says
why."""

import os
import shutil
import subprocess
import time

from durability.load import Client
from durability.loads import LOAD_S
from support.cluster import Cluster, as_postgres, eventually, give_to_postgres, stop_all
from support.server import STOP_S, free_port

from .callers import TIMEOUT_S, Callers, all_well, goes_on
from .prepared import Prepared

# More than the server has connections.
SESSIONS = 80


def program():
    """Where it is: among the administrator's programs."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "pgbouncer is not there: run `scripts/setup test`"
    return found


class PgBouncer:
    """Between 127.0.0.1 and a cluster."""

    def __init__(self, directory, cluster, pool_mode):
        self.port = free_port()
        self.place = directory / f"pgbouncer-{pool_mode}"
        self.place.mkdir()
        give_to_postgres(self.place)
        users = self.place / "users"
        users.write_text('"florin_service" ""\n')
        self.config = self.place / "pgbouncer.ini"
        self.config.write_text(f"""[databases]
florin = host=127.0.0.1 port={cluster.port} dbname=florin
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {pool_mode}
default_pool_size = {SESSIONS}
logfile = {self.place}/log
pidfile = {self.place}/pid
""")
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [program(), "-q", str(self.config)], stdin=subprocess.DEVNULL, cwd="/", **as_postgres()
        )
        eventually("pgbouncer runs", lambda: (self.place / "pid").exists())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(STOP_S)

    def url(self):
        return f"postgresql://florin_service@127.0.0.1:{self.port}/florin"


def put_between(place):
    cluster = Cluster(place.directory, "primary")
    try:
        cluster.create()
        cluster.settings = {"max_connections": 2 * SESSIONS}
        cluster.start()
        prepared = Prepared(place, cluster)
        with PgBouncer(place.directory, cluster, "session") as pgbouncer:
            server = prepared.server("server by session", pgbouncer.url())
            with server.running(), Callers(server) as callers:
                began = time.monotonic()
                time.sleep(max(3, LOAD_S))
                all_well(callers.between(began), "through pgbouncer by session")
                assert goes_on(server, Client(server, TIMEOUT_S))
        for pool_mode in ("transaction", "statement"):
            with PgBouncer(place.directory, cluster, pool_mode) as pgbouncer:
                is_refused(prepared.server(f"server by {pool_mode}", pgbouncer.url()))
    finally:
        stop_all([cluster])


def is_refused(server):
    server.begin()
    code = server.process.wait(STOP_S)
    said = server.log.read_text()
    assert code == 2 and "pool_mode = session" in said, f"the {server.name} ended with {code}: {said}"
    print(f"  the {server.name} does not start", flush=True)
