"""One who sees everything: which token lies behind a ciphertext, whose it is, and every change of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys, rescue
from strongroom.domain.http import Answer, Reply
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.sealing import Box, Envelope, Use
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Item, Key, Write
from tests.fakes.clock import FakeClock
from tests.fakes.provider import FakeProvider, Grant
from tests.fakes.queue import Delivery, FakeQueue
from tests.fakes.rows import Row
from tests.fakes.table import FakeTable

OF_THE_PROVIDER = frozenset({"refused", "lost_response"})
OF_THE_PERSON = frozenset({"revoked", "denied"})
OF_A_CUT = frozenset({"installation_changed"})
FORGOTTEN = frozenset({"kept_for_other", "unreachable", "unsupported", "refused_by_provider"})


@dataclass
class Witness:
    """`broken` lists what must never happen, in words.

    `account_of` maps each token that was ever issued to the account, of which each consent has one of its own. `at_risk` are
    accounts whose newest tokens somebody held who died, or whose answer was lost: these alone may be lost with a strict
    provider, or live on unknown to us.
    """

    account_of: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    at_risk: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    grants: dict[Key, list[str]] = field(default_factory=dict)

    def opened(self, sealed: object) -> str | None:
        """The token behind a ciphertext."""
        return self.texts[Envelope.parse(sealed).box.salt] if isinstance(sealed, bytes) else None

    def stored(self, table: SeeingTable, key: Key, old: Row | None, new: Row | None, beside: Sequence[Row]) -> None:
        """See one row change; `beside` is what else was written in the same commit."""
        kind = (new or old or {}).get("kind")
        if kind == "connection":
            self._of_what_is_taken_away(old or {}, new or {}, beside)
        if kind == "connection" and new is None:
            self._of_a_deletion(table, key, old or {})
        elif kind == "connection" and new is not None:
            self._of_version(key, old or {}, new)
            self._of_reason(table, old or {}, new)
            self._of_authority(table, old or {}, new)
        if kind == "chore" and new is not None and new.get("outcome") in FORGOTTEN:
            self.forgotten.add(self.opened((old or {}).get("refresh")) or "")

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            self.broken.append(what)

    def _of_what_is_taken_away(self, old: Row, new: Row, beside: Sequence[Row]) -> None:
        """I14: a grant leaves its row only for a chore that revokes it, in the same commit."""
        grant = old.get("grant")
        if "access" in old and grant != new.get("grant"):
            chores = {row.get("grant") for row in beside if row.get("kind") == "chore"}
            self._check(grant in chores, "I14: a grant left its row without a chore")

    def _of_a_deletion(self, table: SeeingTable, key: Key, old: Row) -> None:
        """I7: a connection is deleted only if the membership that it belongs to is over."""
        owner = keys.parse_connection(key)
        member = table.peek(keys.member(owner[0], owner[1])) if owner and owner[1] else {}
        self._check(old.get("epoch") != member.get("epoch"), "I7: the connection of a member was deleted")

    def _of_version(self, key: Key, old: Row, new: Row) -> None:
        """I4: a version rises by one with its tokens; a grant that was replaced never returns."""
        seen = self.grants.setdefault(key, [])
        renewed = new.get("access") != old.get("access")
        if old.get("grant") == new["grant"]:
            rise = int(str(new["n"])) - int(str(old["n"]))
            self._check(rise == (1 if renewed else 0), f"I4: the number of a version rose by {rise}")
        else:
            self._check(new["grant"] not in seen, "I4: an older grant came back")
            seen.append(str(new["grant"]))
        behind = {self.account_of.get(self.opened(new.get(name)) or "") for name in ("access", "refresh")}
        before = (
            {self.account_of.get(self.opened(old.get("access")) or "")} if old.get("grant") == new["grant"] else behind
        )
        self._check(behind == before, "I4: tokens of another grant")

    def _of_reason(self, table: SeeingTable, old: Row, new: Row) -> None:
        """I7: a person must act only for what a person did, an admin's change of the installation among it, or because the
        provider refused this very refresh token."""
        reason = new.get("status_reason")
        if reason is None or (reason == old.get("status_reason") and new["grant"] == old.get("grant")):
            return
        if reason in OF_A_CUT:
            where = keys.installation(str(new["team"]), str(new["installation"]))
            self._check(table.peek(where).get("binding") != new["binding"], "I7: a connection was cut that is none")
        elif reason in OF_THE_PROVIDER:
            self._check(
                self.opened(old.get("refresh")) in self.refused, f"I7: {reason}, and the provider refused nothing"
            )
        else:
            self._check(reason in OF_THE_PERSON, f"I7: {reason}")
        tokens = {name for name in ("access", "refresh") if new.get(name) != old.get(name)}
        self._check(reason not in OF_THE_PROVIDER or not tokens, "I7: a refusal took tokens away")

    def _of_authority(self, table: SeeingTable, old: Row, new: Row) -> None:
        """I9: a new grant is stored under the epoch, role and binding of this moment."""
        if new["grant"] == old.get("grant") or "access" not in new:
            return
        where = keys.installation(str(new["team"]), str(new["installation"]))
        installation, member = table.peek(where), table.peek(keys.member(str(new["team"]), str(new["authorized_by"])))
        self._check(installation.get("enabled") is True, "I9: stored for a disabled installation")
        self._check(installation.get("binding") == new["binding"], "I9: stored for another binding")
        epoch = "" if installation.get("sharing") == "shared" else member.get("epoch")
        self._check(member.get("state") == "active" and epoch == new["epoch"], "I9: stored for another membership")


class SeeingCipher(AesGcm):
    """The cipher, with what it sealed remembered by the salt of each message."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness

    def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
        self.witness.texts[salt] = text.reveal().decode("utf-8", "replace")
        return super().seal(key, use, salt, text, data)


class SeeingTable(FakeTable):
    """The table, with every change of a row shown to the witness."""

    def __init__(self, clock: FakeClock, witness: Witness) -> None:
        super().__init__(clock)
        self.witness = witness

    def peek(self, key: Key) -> Item:
        return self._rows.get(key, {})

    def of_kind(self, *kinds: str) -> list[Item]:
        return [row for row in self._rows.values() if row.get("kind") in kinds]

    def overdue(self, now: float) -> list[Item]:
        return [row for row in self._rows.values() if isinstance(due := row.get("due_at"), int) and due <= now]

    def _store(self, results: Sequence[tuple[Write, Row | None]]) -> None:
        changed = [(write.key, self._rows.get(write.key), row) for write, row in results]
        super()._store(results)
        written = [row for _, row in results if row is not None]
        for key, old, new in changed:
            self.witness.stored(self, key, old, new, written)


@dataclass
class SeeingProvider(FakeProvider):
    """The provider, with every pair that it gives and every refresh token that it refuses shown to the witness.

    `held` are the accounts whose tokens went to the operation that runs now.
    """

    witness: Witness = field(default_factory=Witness)
    held: list[str] = field(default_factory=list)

    def _issued(self, grant: Grant) -> Answer:
        self.witness.account_of |= {grant.access: grant.account, grant.refresh: grant.account}
        self.held.append(grant.account)
        return super()._issued(grant)

    def _refresh(self, form: dict[str, str], client: str) -> Answer:
        token = form["refresh_token"]
        spent = [grant.account for grant in self.grants if grant.alive and token in grant.spent]
        self.witness.broken += [
            f"I3, I5: the provider saw a spent token of {account}, and nobody died"
            for account in spent
            if account not in self.witness.at_risk
        ]
        answer = super()._refresh(form, client)
        if isinstance(answer, Reply) and answer.status != 200:
            self.witness.refused.add(token)
        return answer


class LooseQueue(FakeQueue):
    """A queue that delivers in any order, and never gives up."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, most_receives=10**9)

    def take(self, at: int) -> Delivery | None:
        """Receive one of the messages that can be seen."""
        visible = self._visible()
        return self._deliver(visible[at % len(visible)]) if visible else None

    def visible_since(self, moment: float) -> bool:
        return any(held.visible_at <= moment for held in self._held)

    def next_at(self) -> float | None:
        """When the next message can be seen."""
        return min((held.visible_at for held in self._held), default=None)

    def bodies(self) -> list[str]:
        """Everything that is on the queue, visible or not."""
        return [held.message.body for held in self._held]


def refresh_token_of(witness: Witness, body: str) -> str | None:
    """What a message on the rescue queue keeps."""
    result = rescue.decode(body)
    tokens = result.tokens if isinstance(result, RenewalResult) else result.connection.tokens
    return witness.opened(tokens.refresh) if tokens else None


def tokens_at_hand(witness: Witness, table: SeeingTable, queue: LooseQueue) -> set[str | None]:
    """The refresh tokens that are in a connection, in a chore or on the rescue queue."""
    stored = {witness.opened(row.get("refresh")) for row in table.of_kind("connection", "chore")}
    return stored | {refresh_token_of(witness, body) for body in queue.bodies()}
