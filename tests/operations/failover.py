"""A primary with a standby that has everything: the primary dies, the standby is promoted. Servers that know both, and one that knows
the standby alone, go on by themselves, and nothing that was acknowledged is lost."""

import json
import time

from durability.load import Client
from durability.loads import LOAD_S
from support.cluster import Cluster, eventually, stop_all

from .callers import READS, TIMEOUT_S, Callers, all_well, call, goes_on, is_told
from .prepared import Prepared

# From the promotion on.
BACK_S = 10


def fail_over(place):
    primary, standby = Cluster(place.directory, "primary"), Cluster(place.directory, "standby")
    try:
        primary.create()
        # On the command line, so that the standby does not ask for a standby of its own.
        primary.settings = {"synchronous_standby_names": "*"}
        primary.settings["synchronous_commit"] = "local"
        primary.start()
        prepared = Prepared(place, primary)
        standby.create_standby_of(primary)
        standby.start()
        primary.stop()
        primary.settings["synchronous_commit"] = "on"
        primary.start()
        eventually("the standby follows", lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
        # The standby comes first: the server has to find out which one it may write to.
        both = f"postgresql://florin_service@127.0.0.1:{standby.port},127.0.0.1:{primary.port}/florin"
        of_both = prepared.server("server of both", f"{both}?target_session_attrs=read-write")
        of_standby = prepared.server("server of the standby", standby.url())
        with of_both.running(), of_standby.running(ready=False):
            check(primary, standby, of_both, of_standby)
    finally:
        stop_all([standby, primary])


def check(primary, standby, of_both, of_standby):
    client = Client(of_standby, TIMEOUT_S)
    eventually("it says how it is", of_standby.says_how_it_is)
    eventually("who pays at the standby is told", lambda: is_told(of_standby, client, "read-only"))
    for kind in READS:
        read = call(client, kind)
        assert read.status == 200, f"a standby can be read: {read} {read.body[:300]!r}"
    with Callers(of_both) as callers:
        began = time.monotonic()
        time.sleep(max(2, LOAD_S))
        all_well(callers.between(began), "before")
        primary.stop("immediate")
        time.sleep(2)
        standby.promote()
        promoted = time.monotonic()
        time.sleep(BACK_S + 3)
        all_well(callers.between(promoted + BACK_S), f"{BACK_S} s after the standby was promoted")
        eventually("the server that knows the standby alone goes on", lambda: goes_on(of_standby, client))
    paid = [json.loads(call.body)["id"] for call in callers.calls if call.kind == "payment" and call.status == 200]
    lost = [payment for payment in paid if client.send("GET", f"/v1/payment_intents/{payment}")[0] != 200]
    assert not lost, f"{len(lost)} of {len(paid)} acknowledged payments are gone: {lost[0]}"
    refused = [call for call in callers.calls if call.status != 200]
    assert all(call.status == 503 for call in refused), f"{refused[0]} {refused[0].body[:300]!r}"
    print(f"  {len(paid)} payments were acknowledged, {len(refused)} calls were told to try again", flush=True)
