"""A PostgreSQL of a test's own, set up as an administrator does: with an archive of its log, copies, and restores."""

import glob
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

START_S = 60
SETTINGS = ["fsync=off", "shared_buffers=32MB", "listen_addresses=", "max_connections=100"]


def programs():
    """The directory of PostgreSQL's programs."""
    places = [*os.environ["PATH"].split(":"), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    places += sorted(glob.glob("/opt/homebrew/opt/postgresql@*/bin"), reverse=True)
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


class Postgres:
    """A server with its data and its socket below a directory, which its user may enter."""

    def __init__(self, directory, name):
        self.user = unprivileged()
        self.home = Path(directory) / name
        self.data = self.home / "data"
        self.archive = Path(directory) / "archive"
        for made in (self.home, self.archive):
            made.mkdir(exist_ok=True)
            if self.user:
                os.chown(made, self.user.pw_uid, self.user.pw_gid)

    def run(self, program, *arguments, input=None):
        """Runs one of PostgreSQL's programs, which must succeed; answers what it printed."""
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid} if self.user else {}
        done = subprocess.run(
            [programs() / program, *arguments], input=input, capture_output=True, text=True, check=False, cwd=self.home, **who
        )
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def create(self):
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as config:
            config.write("archive_mode = on\n")
            config.write(f"archive_command = 'test ! -f {self.archive}/%f && cp %p {self.archive}/%f'\n")

    def start(self):
        """Returns when it answers, recovery included."""
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        options = " ".join([*settings, "-k", str(self.home)])
        self.run("pg_ctl", "-D", self.data, "-l", self.home / "log", "-o", options, "-w", "-t", str(START_S), "start")

    def stop(self, mode="fast"):
        """`immediate` is as a crash."""
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", str(START_S), "stop")

    def sql(self, statements, database="florin"):
        return self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.home, "-U", "postgres", "-d", database,
                        input=statements).strip()

    def url(self, role):
        return f"host={self.home} user={role} dbname=florin"

    def backup(self, into, *options):
        """A copy of this server's data, as of now, in the directory of another one."""
        self.run("pg_basebackup", "-h", self.home, "-U", "postgres", "-D", into.data, "-c", "fast", *options)

    def archived(self):
        """Returns when all that was written until now is in the archive."""
        name = self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        until = time.monotonic() + START_S
        while not (self.archive / name).exists():
            assert time.monotonic() < until, f"{name} was not archived"
            time.sleep(0.05)

    def recover_to(self, target):
        """Before the start of a copy: it takes the archive up to a restore point, and goes on from there."""
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(f"restore_command = 'cp {self.archive}/%f %p'\n")
            config.write(f"recovery_target_name = '{target}'\nrecovery_target_action = promote\n")
            # Its own log is another one from there on.
            config.write("archive_mode = off\n")
        signal = self.data / "recovery.signal"
        signal.touch()
        if self.user:
            shutil.chown(signal, self.user.pw_uid, self.user.pw_gid)

    def writable(self):
        """Returns when it takes writes."""
        until = time.monotonic() + START_S
        while self.sql("SELECT pg_is_in_recovery()") == "t":
            assert time.monotonic() < until, "it is still in recovery"
            time.sleep(0.05)
