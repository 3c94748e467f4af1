"""A backup with the archive of PostgreSQL's log, restored to a moment; and a standby that takes over."""

import os
from contextlib import contextmanager

from operations.site import Site
from support.cluster import Cluster, eventually, give_to_postgres, stop_all

COUNT = max(10, int(10 * float(os.environ.get("FLORIN_LOAD_S", "1"))))


def restore_to_a_moment(place):
    """What came after the moment is gone: the books are sound all the same, and a head that was kept elsewhere tells."""
    with two(place, "restored") as (site, first, restored):
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

        restored.recover_to("before the accident", first.archive)
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


def standby_takes_over(place):
    """A standby is no database for a server, says doctor; promoted, it has all that was replicated."""
    with two(place, "second") as (site, first, second):
        assert site.check("primary") == "ok"
        second.create_standby_of(first)
        second.start()
        first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        eventually("the standby is synchronous", lambda: first.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
        site.start()
        paid = site.pay(COUNT)
        head = site.head()
        site.use(second)
        assert site.check("primary") == "broken"
        assert site.stop() == 0
        first.stop("immediate")
        second.promote()
        second.writable()
        assert site.check("primary") == "ok"
        assert site.findings(head) == [], "nothing that was acknowledged is lost"
        site.start()
        assert sorted(site.payments()) == sorted(paid)
        site.pay(1)
        print(f"  {len(paid)} payments are on the standby that took over", flush=True)


@contextmanager
def two(place, other):
    """A site on a PostgreSQL with an archive, that one, and another one that is still empty."""
    archive = place.directory / "archive"
    archive.mkdir()
    give_to_postgres(archive)
    first, second = Cluster(place.directory, "first"), Cluster(place.directory, other)
    site = Site(place.directory, first)
    try:
        first.create(archive=archive)
        first.start()
        site.set_up(first)
        yield site, first, second
    finally:
        ended = site.stop()
        stop_all([first, second])
    assert ended == 0, f"the server ended with {ended}"
