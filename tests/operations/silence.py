"""What lies between the server and PostgreSQL lets nothing through, and closes nothing; later it does so for new connections only."""

import time

from durability.loads import LOAD_S
from support.proxy import Proxy
from support.server import OtherServer

from .callers import Callers, all_tell_to_try_again, all_well

# The server has this long to find out that its connections are dead.
BACK_S = 10
AFTERWARDS_S = 5
# Longer than a connection may be silent and a key is known, so that callers see what becomes of both.
SILENT_S = 13


def go_silent(database):
    proxy = Proxy(database.database_url())
    try:
        server = OtherServer(database, "server behind the proxy", database_url=proxy.url)
        with server.running(), Callers(server) as callers:
            began = time.monotonic()
            time.sleep(2)
            all_well(callers.between(began), "before")
            proxy.freeze()
            frozen = time.monotonic()
            time.sleep(max(SILENT_S, LOAD_S))
            proxy.thaw()
            thawed = time.monotonic()
            time.sleep(BACK_S + AFTERWARDS_S)
            cut_off = callers.between(frozen, thawed)
            all_tell_to_try_again(cut_off, "while PostgreSQL is cut off")
            refused = [call for call in cut_off if call.kind == "payment" and call.status != 200]
            assert not refused, f"a payment was not tried until PostgreSQL was back: {refused[0]} {refused[0].body[:300]!r}"
            all_well(callers.between(thawed + BACK_S), f"{BACK_S} s after PostgreSQL can be reached again")
            last = max(call.began + call.took for call in callers.between(frozen) if call.status != 200)
            print(f"  the last request was refused {last - thawed:.1f} s after PostgreSQL could be reached again", flush=True)
            assert server.is_ready()
    finally:
        proxy.stop()
