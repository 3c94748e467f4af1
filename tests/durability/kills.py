"""Servers and PostgreSQL are killed with -9 under load."""

import os
import signal
import time

from support.server import OtherServer

from .loads import LOAD_S, Loads
from .verify import verify


def kill_servers(first):
    """A server alone, and then two of which one goes on, or none; each server's load goes on when it is back."""
    with OtherServer(first).running() as second:
        payments = []
        for loaded, kills in (([first], [[first]]), ([first, second], [[second], [first], [first, second]])):
            with Loads(loaded) as loads:
                time.sleep(LOAD_S)
                for killed in kills:
                    kill_and_start(loads, loaded, killed)
            payments += loads.payments
            verify([first, second], payments)


def kill_and_start(loads, loaded, killed):
    # All before any is waited for.
    for server in killed:
        os.kill(server.process.pid, signal.SIGKILL)
    began = time.monotonic()
    for server in killed:
        server.process.wait()
    rest = [server for server in loaded if server not in killed]
    loads.goes_on(*rest)
    for server in killed:
        server.start()
    loads.goes_on(*loaded)
    names = " and the ".join(server.name for server in killed)
    print(f"  the {names} killed; all acknowledge again after {time.monotonic() - began:.1f} s", flush=True)


def kill_postgres(first):
    """The servers stay; their database is killed under them, and they find their way back by themselves."""
    with OtherServer(first).running() as second:
        payments = []
        for loaded in ([first], [first, second]):
            with Loads(loaded) as loads:
                time.sleep(LOAD_S)
                os.kill(first.postmaster(), signal.SIGKILL)
                began = time.monotonic()
                # What was on its way at the kill says nothing.
                time.sleep(0.5)
                loads.goes_on(*loaded)
                print(f"  PostgreSQL killed; all acknowledge again after {time.monotonic() - began:.1f} s", flush=True)
            payments += loads.payments
            verify([first, second], payments)
