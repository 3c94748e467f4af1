"""A PostgreSQL of a test's own, as an administrator has it: with a standby, with little disk, behind a pooler."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .server import free_port

READY_S = 60
SUPERUSER = "postgres"


def bin_directory():
    """Where the newest PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    if found:
        return found[-1]
    return Path(subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip())


def as_postgres():
    """The user that PostgreSQL and pgbouncer run as, for `subprocess`: they refuse root."""
    return {"user": SUPERUSER, "group": SUPERUSER, "extra_groups": []} if os.geteuid() == 0 else {}


def give_to_postgres(directory):
    if os.geteuid() == 0:
        owner = pwd.getpwnam(SUPERUSER)
        os.chown(directory, owner.pw_uid, owner.pw_gid)


class Cluster:
    """One server, on 127.0.0.1, which lets every user in."""

    def __init__(self, directory, name):
        self.programs = bin_directory()
        self.place = directory / name
        self.place.mkdir()
        give_to_postgres(self.place)
        self.data = self.place / "data"
        self.port = free_port()
        self.settings = {}

    def program(self, name, *arguments):
        done = subprocess.run(
            [self.programs / name, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, cwd="/",
            **as_postgres(),
        )
        assert done.returncode == 0, f"{name} {arguments}: {done.stdout} {done.stderr}"
        return done.stdout

    def create(self, wal=None):
        """`wal` is a directory for the write-ahead log."""
        where = ["--waldir", wal] if wal else []
        self.program("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale", "C", *where)

    def create_standby_of(self, primary):
        source = ["-h", "127.0.0.1", "-p", primary.port, "-U", SUPERUSER]
        self.program("pg_basebackup", "-D", self.data, *source, "-R", "-X", "stream", "-c", "fast")

    def start(self):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self.settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self.program("pg_ctl", "start", "-w", "-t", READY_S, "-D", self.data, "-l", self.place / "log", "-o", options)

    def stop(self, mode="fast"):
        if (self.data / "postmaster.pid").exists():
            self.program("pg_ctl", "stop", "-w", "-t", READY_S, "-m", mode, "-D", self.data)

    def promote(self):
        self.program("pg_ctl", "promote", "-w", "-t", READY_S, "-D", self.data)

    def sql(self, *statements, database="florin"):
        """What psql prints. Each is a transaction by itself."""
        each = [argument for statement in statements for argument in ("-c", statement)]
        return self.program(
            "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port, "-U", SUPERUSER, "-d", database,
            *each,
        ).strip()

    def url(self, user="florin_service", options=""):
        return f"postgresql://{user}@127.0.0.1:{self.port}/florin{options}"


def eventually(what, holds, within_s=READY_S):
    """Waits until it holds, and answers what that is."""
    until = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < until, f"not within {within_s} s: {what}"
        time.sleep(0.1)
    return found


def stop_all(clusters):
    for cluster in clusters:
        try:
            cluster.stop("immediate")
        except AssertionError as error:
            print(error, file=sys.stderr)
        shutil.rmtree(cluster.place, ignore_errors=True)
