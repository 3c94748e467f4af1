"""Starts and stops a `florin dev` of its own for a test, in a directory of its own."""

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


class Server:
    """One server with its data; it may be killed and started again on the same data."""

    def __init__(self, name, environment=None):
        """`environment` are variables beside those of the test itself: settings."""
        self.environment = {**os.environ, **(environment or {})}
        self.directory = Path(tempfile.mkdtemp(prefix=f"florin-{name}-"))
        # PostgreSQL may run under another user there.
        self.directory.chmod(0o755)
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        letters = string.ascii_letters + string.digits
        self.key = "sk_test_" + "".join(secrets.choice(letters) for _ in range(32))
        self.process = None

    def start(self):
        """Returns when the server is ready for requests."""
        command = [binary(), "dev", "--listen", f"127.0.0.1:{self.port}", "--data", self.data, "--secret-key", self.key]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.directory,
                env=self.environment, start_new_session=True,
            )
        until = time.monotonic() + READY_S
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode} before it was ready")
            if time.monotonic() > until:
                raise RuntimeError(f"the server was not ready within {READY_S} s")
            time.sleep(0.05)

    def is_ready(self):
        return is_ready(self.url)

    def kill(self):
        """As a power cut would: the process is gone at once; PostgreSQL, a process of its own, is left."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_S)

    def postmaster(self):
        """The process id of the server's own PostgreSQL."""
        lock = next(self.data.glob("postgres/**/postmaster.pid"))
        return int(lock.read_text().split("\n", 1)[0])

    def stop(self):
        """Asks it to stop, and waits; answers its exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            print(f"the server did not stop within {STOP_S} s and was killed", file=sys.stderr)
            return -signal.SIGKILL

    def command(self, *arguments):
        """Runs a subcommand of the binary on this server's data."""
        return subprocess.run(
            [binary(), *arguments, "--data", self.data], capture_output=True, text=True, timeout=300, check=False
        )

    def print_log(self):
        """The tail of the log, without the lines that say that all went well."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        lines = [line for line in lines if '"level":"INFO"' not in line]
        print("--- the tail of the server's log", file=sys.stderr)
        print("\n".join(lines[-LOG_LINES:]), file=sys.stderr)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


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
