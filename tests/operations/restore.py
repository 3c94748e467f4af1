"""A backup with the archive of PostgreSQL's log, restored to a moment; and a standby that takes over."""

import os

from operations.site import Site, wait_for
from support.postgres import Postgres

COUNT = max(10, int(10 * float(os.environ.get("FLORIN_LOAD_S", "1"))))


def restore_to_a_moment(place):
    """What came after the moment is gone: the books are sound all the same, and a head that was kept elsewhere tells."""
    directory = place.directory
    first, restored = Postgres(directory, "first"), Postgres(directory, "restored")
    site = Site(directory, first)
    try:
        first.create()
        first.start()
        site.set_up(first)
        site.start()
        before = site.pay(COUNT)
        early = site.head()
        first.backup(restored, "-X", "none")
        before += site.pay(COUNT)
        kept = site.head()
        first.sql("SELECT pg_create_restore_point('before the accident')")
        lost = site.pay(COUNT)
        late = site.head()
        assert sorted(site.payments()) == sorted(before + lost)
        first.archived()
        assert site.stop() == 0
        first.stop("immediate")

        restored.recover_to("before the accident")
        restored.start()
        restored.writable()
        site.use(restored)
        assert site.head() == kept, "the books are those of the moment"
        assert site.findings(early) == [] and site.findings(kept) == []
        found = site.findings(late)
        assert len(found) == 1 and "the log ends before it" in found[0], f"the loss is not noticed: {found}"
        assert site.check("schema") == "ok"
        site.start()
        assert sorted(site.payments()) == sorted(before)
        more = site.pay(COUNT)
        assert sorted(site.payments()) == sorted(before + more)
        # The log goes on otherwise than it did: a position that is there again is another row.
        found = site.findings(late)
        assert len(found) == 1, f"another log is taken for the old one: {found}"
        assert site.findings(kept) == []
        print(f"  {len(before)} payments restored; the loss of {len(lost)} was noticed", flush=True)
    finally:
        ended = site.stop()
        for postgres in (first, restored):
            postgres.stop("immediate")
    assert ended == 0, f"the server ended with {ended}"


def standby_takes_over(place):
    """A standby is no database for a server, says doctor; promoted, it has all that was replicated."""
    directory = place.directory
    first, second = Postgres(directory, "first"), Postgres(directory, "second")
    site = Site(directory, first)
    try:
        first.create()
        first.start()
        site.set_up(first)
        assert site.check("primary") == "ok"
        first.backup(second, "-R")
        second.start()
        first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()")
        wait_for("the standby is synchronous", lambda: first.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
        site.start()
        paid = site.pay(COUNT)
        head = site.head()
        site.use(second)
        assert site.check("primary") == "broken"
        assert site.stop() == 0
        first.stop("immediate")
        second.run("pg_ctl", "-D", second.data, "-w", "promote")
        second.sql("ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()")
        second.writable()
        assert site.check("primary") == "ok"
        assert site.findings(head) == [], "nothing that was acknowledged is lost"
        site.start()
        assert sorted(site.payments()) == sorted(paid)
        site.pay(1)
        print(f"  {len(paid)} payments are on the standby that took over", flush=True)
    finally:
        ended = site.stop()
        for postgres in (first, second):
            postgres.stop("immediate")
    assert ended == 0, f"the server ended with {ended}"
