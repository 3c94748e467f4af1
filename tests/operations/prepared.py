"""A database with a tenant on a cluster of the test's own, and servers on it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from support.cluster import SUPERUSER
from support.server import OtherServer, binary, free_port, is_ready


class Place:
    """A directory for clusters and servers; each test brings its own."""

    def __init__(self, name):
        self.directory = Path(tempfile.mkdtemp(prefix=f"florin-{name}-"))
        self.directory.chmod(0o755)

    def start(self):
        pass

    def stop(self):
        return 0

    def print_log(self):
        pass

    def remove(self, passed=True):
        if not passed and os.environ.get("FLORIN_KEEP"):
            print(f"the databases and the logs are kept in {self.directory}", file=sys.stderr)
            return
        shutil.rmtree(self.directory, ignore_errors=True)


class Prepared:
    """The database of a cluster that runs. Servers are made for it as for a `florin dev`."""

    def __init__(self, place, cluster):
        self.directory = place.directory
        self.cluster = cluster
        self.url = f"http://127.0.0.1:{free_port()}"
        cluster.sql("CREATE DATABASE florin", database="postgres")
        self.florin("migrate")
        self.key = json.loads(self.florin("tenants", "create", "shop", "--json"))["secret_key"]

    def florin(self, *arguments):
        settings = {
            "FLORIN_DATABASE_URL": self.cluster.url(),
            "FLORIN_DATABASE_OWNER_URL": self.cluster.url(user=SUPERUSER),
        }
        done = subprocess.run(
            [binary(), *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=self.directory,
            env={**os.environ, **settings},
        )
        assert done.returncode == 0, f"florin {arguments}: {done.stdout} {done.stderr}"
        return done.stdout

    def database_url(self):
        return self.cluster.url()

    def server(self, name, database_url=None):
        return WatchedServer(self, name, database_url)


class WatchedServer(OtherServer):
    """One with a listener for health checks, where it says why it is not ready."""

    def __init__(self, prepared, name, database_url):
        self.health_port = free_port()
        environment = {"FLORIN_SERVER_HEALTH_LISTEN": f"127.0.0.1:{self.health_port}"}
        super().__init__(prepared, name, environment, database_url)

    def says_how_it_is(self):
        try:
            with socket.create_connection(("127.0.0.1", self.health_port), timeout=5):
                return True
        except OSError:
            return False

    def is_ready(self):
        return is_ready(f"http://127.0.0.1:{self.health_port}")
