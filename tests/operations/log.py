"""The reader of the server's log stops reading: requests are answered as before, and when it goes on it is told what it missed."""

import json
import re
import subprocess
import threading
import time
import urllib.request

from durability.loads import LOAD_S
from support.cluster import eventually
from support.server import OtherServer, binary

from .callers import Callers, all_well

# What is logged of itself at this level fills the pipe and the server's memory for it soon.
CHATTY = {"FLORIN_TELEMETRY_LOG_FILTER": "trace", "FLORIN_TELEMETRY_LOG_FORMAT": "json"}
DROPPED = "florin_log_lines_dropped_total"


class UnreadServer(OtherServer):
    """One whose log goes into a pipe."""

    def spawn(self, arguments, environment):
        self.process = subprocess.Popen(
            [binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.directory,
            env=environment, start_new_session=True,
        )

    def dropped(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            found = re.search(rf"^{DROPPED} (\d+)$", answer.read().decode(), re.MULTILINE)
        return int(found[1]) if found else 0


def stop_reading(database):
    server = UnreadServer(database, "server whose log is not read", CHATTY)
    with server.running(), Callers(server, of_each=8) as callers:
        eventually("lines are dropped", server.dropped)
        began = time.monotonic()
        time.sleep(max(3, LOAD_S))
        all_well(callers.between(began), "while the log is not read")
        said = []
        reader = threading.Thread(target=read, args=(server.process.stderr, said), daemon=True)
        reader.start()
        eventually("it is said how many lines were dropped", lambda: said)
        assert 0 < said[0] <= server.dropped()
        print(f"  {server.dropped()} lines were dropped, {said[0]} of them before it went on", flush=True)


def read(log, said):
    """Reads to the end, and collects what is said of lines that were dropped."""
    for line in log:
        entry = json.loads(line)
        if "dropped" in entry:
            said.append(entry["dropped"])
