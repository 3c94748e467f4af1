"""Connections to PostgreSQL are cut under load, twice in a row among others; the servers go on by themselves."""

import random
import time

from support.proxy import CUTS, Cut, Proxy
from support.server import OtherServer

from .loads import LOAD_S, Loads
from .verify import verify

# Each kind of cut is made so often at least.
LEAST = 2
TIME_S_MAX = 120
# The next cut may be of the connection that replaces the one that was cut.
IN_A_ROW = (1, 2, 2, 2, 3)
PASSING_MAX = 2


def cut_connections(database):
    """One server alone, which writes by what it remembers, then two."""
    proxy = Proxy(database.database_url())
    try:
        servers = [OtherServer(database, f"server {name}", database_url=proxy.url) for name in ("a", "b")]
        with servers[0].running(), servers[1].running():
            payments = []
            for loaded in (servers[:1], servers):
                proxy.made.clear()
                with Loads(loaded) as loads:
                    cut_at_random(proxy)
                    loads.goes_on(*loaded)
                made = ", ".join(f"{count} {how}" for how, count in sorted(proxy.made.items()))
                print(f"  connections cut {made}", flush=True)
                payments += loads.payments
                verify(servers, payments)
    finally:
        proxy.stop()


def cut_at_random(proxy):
    chance = random.Random()
    began = time.monotonic()
    while time.monotonic() - began < LOAD_S or any(proxy.made[how] < LEAST for how in CUTS):
        assert time.monotonic() - began < TIME_S_MAX, f"too few connections were cut: {proxy.made}"
        if chance.random() < 0.05:
            proxy.cut_all()
        else:
            proxy.cut(*(Cut.random(chance, PASSING_MAX) for _ in range(chance.choice(IN_A_ROW))))
        time.sleep(chance.uniform(0.05, 0.5))
    proxy.cut()
