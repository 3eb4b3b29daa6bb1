"""One pass over what a cut has left behind: which rows it takes, and what becomes of each.

A row goes in a transaction of its own, on the version that was read, together with the chore that revokes its tokens.
Whoever dies in between has lost nothing, and what is done is not found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from strongroom.domain.chore import RevocationChore
from strongroom.domain.connection import Connection
from strongroom.domain.cut import Cut
from strongroom.domain.errors import QueueUnavailable
from strongroom.domain.rows import OF_OUR_FORM, NewerRow
from strongroom.domain.table import Change, Committed, Is, Item, Key, Lacks, Put, Query, Remove, Write, every
from strongroom.domain.timeline import STRONGROOM
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.messages import chore_message
from strongroom.ports import Ports

MOST_READ = 100
TOLD_TOGETHER = 10
"""Chores that are named to the queue in one call."""


class TimeIsUp(Exception):
    """The pass has to end: another one goes on."""


class Clearing:
    """A pass. `found` counts the rows that still had to go when it came to them; `left` those of them that nobody can read.

    `until` (epoch seconds) is when it begins no further row.
    """

    def __init__(self, ports: Ports, cut: Cut, until: float) -> None:
        self.ports, self.cut, self.until = ports, cut, until
        self.found = self.left = 0
        self._chores: list[str] = []

    @property
    def waits(self) -> bool:
        """Whether nothing of what it found can be done now."""
        return 0 < self.found == self.left

    def named(self, partition: str, prefix: str = "", *, over: str = "") -> Iterator[list[Item]]:
        """Read, a page at a time, the rows that the index `g1` names: consistently, and only those that are still there.

        Rows that are in the state `over` for ever are not worth a read: however old the index is, that stays so.
        """
        query = Query("g1", partition, prefix=prefix, limit=MOST_READ)
        while True:
            self._in_time()
            page = self.ports.table.query(query)
            yield self.read([_key(row) for row in page.items if not over or row.get("state") != over])
            if page.after is None:
                return
            query = replace(query, after=page.after)

    def read(self, wanted: Sequence[Key]) -> list[Item]:
        found = self.ports.table.read(wanted) if wanted else {}
        return [found[key] for key in wanted if key in found]

    def remove(self, row: Item) -> bool:
        """Take a connection away. False: it has to be looked at again."""
        connection = self._connection(row)
        return connection is not None and self._end(connection, Remove(connection.key, connection.version.unchanged()))

    def empty(self, row: Item) -> None:
        """Take a connection's tokens away; what remains tells its person why, since the moment of the cut.

        Authorizations that were begun under the new binding go on: those of before have ended with the cut itself.
        """
        if row.get("access") is None:
            return
        connection = self._connection(row)
        if connection is None:
            return
        cut = self.cut
        gone = connection.with_nothing_to_give(cut.why, cut.made_at, fresh_id(self.ports))
        gone = replace(gone, revocation=connection.revocation)
        self._end(connection, Put(gone.to_item(), require=connection.version.unchanged()))

    def drop(self, row: Item) -> None:
        """Take a row away that holds no token and that nobody writes to any more."""
        self._in_time()
        self.found += 1
        self.ports.table.commit((Remove(_key(row), require=None),), fresh_id(self.ports))

    def leave(self) -> None:
        """Count a row that has to go and cannot, for now."""
        self.found += 1
        self.left += 1

    def authorizer_left(self, row: Item) -> None:
        """Write at a shared connection, once, that whoever authorized it has left. It goes on serving."""
        cut, connection = self.cut, self._connection(row)
        if connection is None or cut.user is None:
            return
        same = every(Is("grant", connection.version.grant), Is("authorized_by", cut.user), OF_OUR_FORM)
        change = Change(
            connection.key, every(same, Lacks("authorizer_left_at")), put={"authorizer_left_at": cut.made_at}
        )
        told = noted(
            self.ports,
            cut.team,
            "authorizer_left",
            cut.by,
            connection.owner,
            user=cut.user,
            installation=connection.owner.installation,
        )
        self.ports.table.commit((change, told), fresh_id(self.ports))

    def tell(self) -> None:
        """Name the new chores to the queue. What it does not take, the schedule finds."""
        chores, self._chores = self._chores, []
        if not chores:
            return
        try:
            self.ports.queues.chore.send([chore_message(chore) for chore in chores])
        except QueueUnavailable:
            self.ports.journal.note("chore_not_queued")

    def _in_time(self) -> None:
        if self.ports.clock.now() >= self.until:
            raise TimeIsUp

    def _connection(self, row: Item) -> Connection | None:
        """Read a row that has to go. One that this release cannot read stops none of the others."""
        self._in_time()
        try:
            connection = Connection.from_item(row)
        except NewerRow:
            self.ports.journal.note("cut_left_newer_row", team=self.cut.team)
        except (KeyError, TypeError, ValueError):
            self.ports.journal.alarm("cut_stuck", team=self.cut.team, chore=self.cut.id)
        else:
            self.found += 1
            return connection
        self.leave()
        return None

    def _end(self, connection: Connection, write: Write) -> bool:
        """Do it, and move the tokens into a chore: all of it, unless the row has changed since it was read."""
        now = int(self.ports.clock.now())
        chore = RevocationChore.of(connection, self.cut.why, fresh_id(self.ports), now)
        also = (chore.to_put(self.ports.policy), self._told(connection)) if chore else ()
        if not isinstance(self.ports.table.commit((write, *also), fresh_id(self.ports)), Committed):
            return False
        if chore:
            self._chores.append(chore.id)
        if len(self._chores) >= TOLD_TOGETHER:
            self.tell()
        return True

    def _told(self, connection: Connection) -> Put:
        owner = connection.owner
        return noted(
            self.ports,
            owner.team,
            "connection_cut",
            STRONGROOM,
            owner,
            user=owner.user,
            installation=owner.installation,
            reason=self.cut.why,
        )


def _key(row: Item) -> Key:
    return Key(str(row["PK"]), str(row["SK"]))
