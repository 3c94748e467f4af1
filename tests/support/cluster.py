"""A PostgreSQL of a test's own, as an administrator has it: with a standby, an archive and backups, with little disk, behind a pooler."""

import glob
import os
import pwd
import re
import subprocess
import sys
import time
from pathlib import Path

from .server import free_port

READY_S = 60
SUPERUSER = "postgres"


def programs():
    """The directory of PostgreSQL's programs."""
    places = os.environ["PATH"].split(":")
    for installed in ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        places += sorted(glob.glob(installed), key=lambda place: int(re.search(r"\d+", place)[0]), reverse=True)
    for place in map(Path, places):
        if (place / "initdb").exists() and (place / "pg_basebackup").exists():
            return place
    raise RuntimeError("PostgreSQL is not installed")


def unprivileged():
    """The user that PostgreSQL runs as when the test runs as root, as which it refuses to run; None if it does not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user that PostgreSQL may run as")


def as_postgres():
    """The user that PostgreSQL and pgbouncer run as, for `subprocess`: they refuse root."""
    user = unprivileged()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def give_to_postgres(path):
    user = unprivileged()
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


class Cluster:
    """One server, on 127.0.0.1, which lets every user in."""

    def __init__(self, directory, name):
        self.programs = programs()
        self.place = directory / name
        self.place.mkdir()
        give_to_postgres(self.place)
        self.data = self.place / "data"
        self.port = free_port()
        self.settings = {}
        self.archive = None

    def program(self, name, *arguments):
        done = subprocess.run(
            [self.programs / name, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, cwd="/",
            **as_postgres(),
        )
        assert done.returncode == 0, f"{name} {arguments}: {done.stdout} {done.stderr}"
        return done.stdout

    def create(self, wal=None, archive=None):
        """`wal` is a directory for the write-ahead log, `archive` one for its archive."""
        where = ["--waldir", wal] if wal else []
        self.program("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale", "C", *where)
        if archive:
            self.archive = archive
            self.settings |= {"archive_mode": "on", "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f"}

    def create_standby_of(self, primary):
        primary.backup(self, "-R", "-X", "stream")

    def backup(self, into, *options):
        """A copy of this server's data, as of now, in the directory of another one."""
        source = ["-h", "127.0.0.1", "-p", self.port, "-U", SUPERUSER]
        self.program("pg_basebackup", "-D", into.data, *source, "-c", "fast", *options)

    def archived(self):
        """Returns when all that was written until now is in the archive."""
        name = self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        eventually(f"{name} is in the archive", lambda: (self.archive / name).exists())

    def recover_to(self, target, archive):
        """Before the start of a copy: it takes the archive up to a restore point, and goes on from there, with a log of its own."""
        self.settings |= {
            "restore_command": f"cp {archive}/%f %p", "recovery_target_name": target, "recovery_target_action": "promote",
        }
        signal = self.data / "recovery.signal"
        signal.touch()
        give_to_postgres(signal)

    def start(self):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self.settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self.program("pg_ctl", "start", "-w", "-t", READY_S, "-D", self.data, "-l", self.place / "log", "-o", options)

    def stop(self, mode="fast"):
        if (self.data / "postmaster.pid").exists():
            self.program("pg_ctl", "stop", "-w", "-t", READY_S, "-m", mode, "-D", self.data)

    def promote(self):
        self.program("pg_ctl", "promote", "-w", "-t", READY_S, "-D", self.data)

    def writable(self):
        """Returns when it takes writes."""
        eventually("it takes writes", lambda: self.sql("SELECT pg_is_in_recovery()") == "f")

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
