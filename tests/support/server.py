"""Starts and stops a `florin dev` of its own for a test, in a directory of its own, and other servers on its database."""

import json
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_S = 120
STOP_S = 30
LOG_LINES = 60


def binary():
    """The binary under test: FLORIN_BIN, or the debug build."""
    path = Path(os.environ.get("FLORIN_BIN") or ROOT / "target" / "debug" / "florin").absolute()
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not there: build it with `cargo build -p florin`, or set FLORIN_BIN")
    return path


class Process:
    """A server; it may be killed, and started again on the same port and the same data."""

    def __init__(self, directory, name, environment=None):
        """`environment` are variables beside those of the test itself: settings."""
        self.environment = {**os.environ, **(environment or {})}
        self.directory = directory
        self.name = name
        self.log = directory / f"{name}.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def spawn(self, arguments, environment):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.directory,
                env=environment, start_new_session=True,
            )

    def is_ready(self):
        return is_ready(self.url)

    def answers(self):
        """Whether it does, ready or not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return True
        except OSError:
            return False

    def wait_until_ready(self):
        """Returns when it is ready for requests; it must not end before."""
        until = time.monotonic() + READY_S
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the {self.name} ended with {self.process.returncode} before it was ready")
            if time.monotonic() > until:
                raise RuntimeError(f"the {self.name} was not ready within {READY_S} s")
            time.sleep(0.05)

    def kill(self):
        """As a power cut would: the process is gone at once; PostgreSQL, a process of its own, is left."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_S)

    def stop(self):
        """Asks it to stop, and waits; answers its exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            print(f"the {self.name} did not stop within {STOP_S} s and was killed", file=sys.stderr)
            return -signal.SIGKILL

    def print_log(self):
        """The tail of the log, without the lines that say that all went well."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        lines = [line for line in lines if '"level":"INFO"' not in line]
        print(f"--- the tail of the log of the {self.name}", file=sys.stderr)
        print("\n".join(lines[-LOG_LINES:]), file=sys.stderr)


class Server(Process):
    """A `florin dev` with its data and its PostgreSQL."""

    def __init__(self, name, environment=None):
        directory = Path(tempfile.mkdtemp(prefix=f"florin-{name}-"))
        # PostgreSQL may run under another user there.
        directory.chmod(0o755)
        super().__init__(directory, "server", environment)
        self.data = self.directory / "data"
        letters = string.ascii_letters + string.digits
        self.key = "sk_test_" + "".join(secrets.choice(letters) for _ in range(32))

    def start(self):
        """Returns when the server is ready for requests."""
        arguments = ["dev", "--listen", f"127.0.0.1:{self.port}", "--data", self.data, "--secret-key", self.key]
        self.spawn(arguments, self.environment)
        self.wait_until_ready()

    def database_url(self):
        """What the servers connect to, as PostgreSQL's `key=value` pairs."""
        return json.loads((self.data / "state.json").read_text())["database_url"]

    def postmaster(self):
        """The process id of the server's own PostgreSQL."""
        lock = next(self.data.glob("postgres/**/postmaster.pid"))
        return int(lock.read_text().split("\n", 1)[0])

    def command(self, *arguments):
        """Runs a subcommand of the binary on this server's data."""
        return subprocess.run(
            [binary(), *arguments, "--data", self.data], capture_output=True, text=True, timeout=300, check=False
        )

    def remove(self, passed=True):
        """Removes its files; not those of a failed test, if FLORIN_KEEP says so."""
        if not passed and os.environ.get("FLORIN_KEEP"):
            print(f"the database, the logs and the journals are kept in {self.directory}", file=sys.stderr)
            return
        shutil.rmtree(self.directory, ignore_errors=True)


class OtherServer(Process):
    """A `florin serve` on the database of a `Server`."""

    def __init__(self, first, name="second server", environment=None, database_url=None):
        """`database_url` is another way to that database."""
        super().__init__(first.directory, name, environment)
        self.first = first
        self.given_url = database_url
        self.key = first.key

    def command(self, *arguments):
        return self.first.command(*arguments)

    @contextmanager
    def running(self, ready=True):
        """Starts it; stops it in the end, which must go well, and shows its log if anything did not."""
        passed = False
        try:
            self.start() if ready else self.begin()
            yield self
            code = self.stop()
            assert code == 0, f"the {self.name} ended with {code} when it was asked to stop"
            passed = True
        finally:
            self.stop()
            if not passed:
                self.print_log()

    def start(self):
        """Returns when the server is ready for requests."""
        self.begin()
        self.wait_until_ready()

    def begin(self):
        """Starts it, ready or not."""
        database_url = self.given_url or self.first.database_url()
        settings = {
            "FLORIN_DATABASE_URL": database_url,
            "FLORIN_SERVER_LISTEN": f"127.0.0.1:{self.port}",
            # All servers send payers to the same address: answers have it in them, and must be the same everywhere.
            "FLORIN_SERVER_PUBLIC_URL": self.first.url,
        }
        # No balancer has to see that it stops, unless a test says so.
        self.spawn(["serve"], {"FLORIN_SERVER_SHUTDOWN_DELAY_MS": "0", **self.environment, **settings})


def is_ready(url):
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
