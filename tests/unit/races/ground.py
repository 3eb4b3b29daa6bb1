"""The ground of the mixture: a world that a witness sees, and one operation of it, perhaps in trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias, TypeVar

from strongroom.domain.catalog import Catalog, CatalogEntry, Refreshing
from strongroom.flows.vault import Vault
from strongroom.ports import Ports, Queues
from tests.unit.races.expectations import Expectations
from tests.unit.races.steps import QUEUES, Stepped
from tests.unit.races.troubles import Fault, NoTokens, Trouble, troubled
from tests.unit.races.witness import LooseQueue, SeeingCipher, SeeingProvider, SeeingTable, Witness, tokens_at_hand
from tests.unit.renewals import Killed
from tests.world import Answered

Kind: TypeAlias = Literal["strict", "grace", "static"]
Troubles: TypeAlias = tuple[Trouble, ...]
T = TypeVar("T")
USERS = ("alice", "bob", "carol")


class Ground(Stepped):
    """A team of three, an installation for each of them and one for all, and a provider of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.witness = Witness()
        self.cipher = SeeingCipher(self.witness)
        super().__init__(shards=1)
        self._see_all(kind)
        self.places = (self.install(), self.install(name="Files of the team", sharing="shared"))
        self.known = Expectations(frozenset(self.places[1:]), member=dict.fromkeys(USERS, True))
        self.versions: dict[str, str] = {}
        self.disabled = False
        self.consented, self.depth = 0, 0
        self.subject = (USERS[0], self.places[0])

    def _see_all(self, kind: Kind) -> None:
        rows = self.table.snapshot()
        self.table: SeeingTable = SeeingTable(self.clock, self.witness)
        self.table.restore(rows)
        self.loose = {name: LooseQueue(self.clock) for name in QUEUES}
        self.queues = Queues(*self.loose.values())
        rotates, grace = kind != "static", 120 if kind == "grace" else 0
        self.provider: SeeingProvider = SeeingProvider(self.clock, rotates=rotates, grace=grace, witness=self.witness)
        self.provider.serve(self.egress)
        wary = Refreshing(rotates=True, reuse_detected=True)
        entry = CatalogEntry(name="Provider", issuers=(self.provider.issuer,), refreshing=wary)
        self.catalog = Catalog((entry,) if kind == "strict" else ())
        self._watch()
        self.ports = self.new_environment()

    def new_environment(self) -> Ports:
        vault = Vault(self.table, self.keys, self.cipher, self.clock, self.chance, "test")
        return replace(super().new_environment(), vault=vault)

    # -- one operation, and what goes wrong in it

    def attempt(self, operation: Callable[[], T], troubles: Troubles = ()) -> T | None:
        """Run an operation in its troubles; None if its process was killed."""
        outer, self.provider.held = self.provider.held, []
        lost = self.journal.counts["token_lost"]
        try:
            with troubled(self, troubles) as watch, self.steps.of(watch):
                return operation()
        except Killed:
            self._at_risk_if_nowhere()
            return None
        finally:
            if self.journal.counts["token_lost"] > lost:
                self._lost(troubles)
            self.provider.held = outer

    def _at_risk_if_nowhere(self) -> None:
        """Somebody died; what only they held may be lost."""
        at_hand = tokens_at_hand(self.witness, self.table, self.loose["rescue"])
        held = [grant for grant in self.provider.grants if grant.account in self.provider.held]
        self.witness.at_risk |= {grant.account for grant in held if grant.refresh not in at_hand}

    def _lost(self, troubles: Troubles) -> None:
        """I14, F6: nothing is lost while one of table and rescue queue takes it."""
        no_table = any(isinstance(trouble, NoTokens) for trouble in troubles)
        no_queue = NoTokens(True) in troubles or any(
            isinstance(trouble, Fault) and trouble.part == "queue" for trouble in troubles
        )
        self.say(no_table and no_queue, "I14: tokens were lost although one sink was there")
        self._at_risk_if_nowhere()

    def say(self, holds: bool, what: str) -> None:
        if not holds:
            self.witness.broken.append(what)

    def well(self, answer: Answered) -> None:
        self.say(answer.status != 500, f"I22: a 500, {answer.text[:60]}")

    def do(self, what: str, other: int | None, which: int) -> None:
        """What somebody else does while an operation runs."""
        raise NotImplementedError
