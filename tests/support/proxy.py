"""A proxy before PostgreSQL that cuts connections at the worst moments, or lets them go silent, when it is told to."""

import asyncio
import random
import re
import threading
from collections import Counter, deque
from dataclasses import dataclass

CHUNK_BYTES = 64 * 1024
# How long a request or an answer may be on its way when its connection is cut.
LATE_S = 0.3
# How long a connection is silent before it is cut.
SILENT_S = 1.5
# What the committer's connections say of themselves, and how the statements begin that they write by.
COMMITTER = b"florin committer"
WRITES = re.compile(rb"(\w+)\0WITH w0 AS")
# Which requests are cut: those that write, all of committers, or all.
WHERE = ("writes", "committer", "anywhere")
# How a connection is cut.
CUTS = (
    "before the request",
    "in the middle of the request",
    # The server takes it for lost, and PostgreSQL gets it afterwards.
    "before a request that comes late",
    "before the answer",
    "in the middle of the answer",
    "silent, then cut",
)


@dataclass
class Cut:
    """One that is to be made."""

    how: str
    where: str
    # How many such requests pass before.
    passing: int

    @classmethod
    def random(cls, chance, passing_max):
        where = chance.choices(WHERE, weights=(3, 1, 1))[0]
        return cls(chance.choice(CUTS), where, chance.randrange(passing_max + 1))


class Proxy:
    """Passes bytes on to the PostgreSQL of a `florin dev`, in a thread of its own, until it has to cut."""

    def __init__(self, database_url):
        """`database_url` are PostgreSQL's `key=value` pairs, which name a Unix socket."""
        self.direct = database_url
        place = re.search(r"host='((?:[^'\\]|\\.)*)' port=(\d+)", database_url)
        directory = re.sub(r"\\(.)", r"\1", place[1])
        self.socket = f"{directory}/.s.PGSQL.{place[2]}"
        self.chance = random.Random()
        self.plan = deque()
        self.made = Counter()
        self.connections = set()
        # Whether new connections lead nowhere.
        self.swallows = False
        self.loop = asyncio.new_event_loop()
        self.listener = self.loop.run_until_complete(asyncio.start_server(self.accept, "127.0.0.1", 0))
        port = self.listener.sockets[0].getsockname()[1]
        self.url = database_url.replace(place[0], f"host=127.0.0.1 port={port}")
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def cut(self, *cuts):
        """Makes these cuts one after another, instead of those that are not made yet."""
        self.loop.call_soon_threadsafe(self.set_plan, cuts)

    def cut_all(self):
        """Cuts all connections at the same moment."""
        self.loop.call_soon_threadsafe(self.abort_all)

    def freeze(self):
        """From now on nothing comes through, and nothing is closed: not on the connections that there are, nor on new ones."""
        self.call(self.set_frozen, True)

    def thaw(self):
        """New connections work again. Those that were frozen stay silent for ever, as after a network has lost their state."""
        self.call(self.set_frozen, False)

    def call(self, function, *arguments):
        """Returns when it is done."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (function(*arguments), done.set()))
        done.wait()

    def set_frozen(self, frozen):
        self.swallows = frozen
        if frozen:
            for connection in self.connections:
                connection.silent = True

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def end(self):
        """Lets no connection in any more, and returns when all are closed."""
        self.listener.close()
        for connection in list(self.connections):
            connection.abort()
            connection.over.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    def set_plan(self, cuts):
        self.plan = deque(cuts)

    def abort_all(self):
        self.made["all at once"] += 1
        for connection in list(self.connections):
            connection.abort()

    def due(self, kinds):
        """The cut that a request of these kinds gets, if any."""
        if not self.plan or self.plan[0].where not in kinds:
            return None
        if self.plan[0].passing > 0:
            self.plan[0].passing -= 1
            return None
        cut = self.plan.popleft()
        self.made[cut.how] += 1
        return cut.how

    async def accept(self, reader, writer):
        try:
            to_reader, to_writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(self, (reader, writer), (to_reader, to_writer))
        self.connections.add(connection)
        try:
            await connection.run()
        except OSError:
            pass
        finally:
            self.connections.discard(connection)
            connection.abort()


class Connection:
    """One connection through the proxy."""

    def __init__(self, proxy, client, postgres):
        self.proxy = proxy
        self.from_client, self.to_client = client
        self.from_postgres, self.to_postgres = postgres
        self.committer = False
        # Whether nothing comes through.
        self.silent = proxy.swallows
        self.over = asyncio.Event()
        # How the messages name the prepared statements that write.
        self.writes = set()
        # What becomes of the answers from now on: passed on, or none, or one in part.
        self.answers = "all"
        self.answered_in_part = asyncio.Event()

    def abort(self):
        self.to_client.transport.abort()
        self.to_postgres.transport.abort()

    async def run(self):
        """Returns when it is cut, or ended by one side."""
        sides = [asyncio.ensure_future(self.forward()), asyncio.ensure_future(self.backward())]
        _, pending = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        # A late request is still sent when the client's side has ended.
        if sides[0] in pending and self.answers == "none":
            await asyncio.wait(sides[:1])
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)

    async def forward(self):
        while chunk := await self.from_client.read(CHUNK_BYTES):
            await self.be_silent()
            how = self.proxy.due(self.kinds(chunk))
            if how:
                await self.cut(how, chunk)
                return
            self.to_postgres.write(chunk)
            await self.to_postgres.drain()

    def kinds(self, chunk):
        self.committer = self.committer or COMMITTER in chunk
        self.writes.update(b"\0" + name + b"\0" for name in WRITES.findall(chunk))
        kinds = {"anywhere"}
        if self.committer:
            kinds.add("committer")
        if any(name in chunk for name in self.writes):
            kinds.add("writes")
        return kinds

    async def backward(self):
        while chunk := await self.from_postgres.read(CHUNK_BYTES):
            await self.be_silent()
            if self.answers == "none":
                continue
            if self.answers == "part":
                self.answers = "none"
                chunk = self.some(chunk)
                self.to_client.write(chunk)
                await self.to_client.drain()
                self.answered_in_part.set()
                continue
            self.to_client.write(chunk)
            await self.to_client.drain()

    async def be_silent(self):
        """Waits to the end, if the connection is silent."""
        if self.silent:
            await self.over.wait()

    async def cut(self, how, chunk):
        late = self.proxy.chance.random() * LATE_S
        if how == "before the request":
            return
        if how == "in the middle of the answer":
            self.answers = "part"
            await self.send(chunk)
            await asyncio.wait_for(self.answered_in_part.wait(), SILENT_S)
            return
        self.answers = "none"
        if how == "in the middle of the request":
            await self.send(self.some(chunk))
        elif how == "before a request that comes late":
            self.to_client.transport.abort()
            await asyncio.sleep(late)
            await self.send(chunk)
            # It is carried out, if PostgreSQL can.
            await asyncio.sleep(LATE_S)
        elif how == "before the answer":
            await self.send(chunk)
            await asyncio.sleep(late)
        else:
            if self.proxy.chance.random() < 0.5:
                await self.send(chunk)
            await asyncio.sleep(SILENT_S * self.proxy.chance.random())

    def some(self, chunk):
        return chunk[: self.proxy.chance.randrange(len(chunk))]

    async def send(self, chunk):
        self.to_postgres.write(chunk)
        await self.to_postgres.drain()
