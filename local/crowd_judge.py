"""What must never happen while a crowd is served, and how it is found in what came by. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from local.crowd_ledger import LOOK_UP, Ask, Use

PROMISE = 60.0
"""Seconds after a revoke from which on no gateway uses the token any more."""

ANSWERED, PROMPTED, REFUSED = "answered", "prompted", "refused"
FOREIGN, LATE, TWICE = "another's token", "after its time", "asked twice"
REVOKED, UNSERVED = "after a revoke", "unserved"


@dataclass(frozen=True, slots=True)
class Call:
    """A person's call of a tool that says whose token was sent.

    `word`: how it ended; `said`: with which name, or which trouble. `prompts`: how often the person was shown a link on the
    way. Times are seconds since the epoch.
    """

    user: str
    began: float
    ended: float
    word: str
    said: str = ""
    prompts: int = 0


@dataclass(frozen=True, slots=True)
class Away:
    """From when on, and until when, a person has revoked and has not begun to come back."""

    user: str
    since: float
    until: float = float("inf")

    def holds(self, began: float) -> bool:
        return self.since < began < self.until


@dataclass(frozen=True, slots=True)
class Crowd:
    """All that is known of one crowd. `befallen`: those who may be prompted, since something was taken from them."""

    calls: Sequence[Call]
    asks: Sequence[Ask]
    uses: Sequence[Use]
    aways: Sequence[Away] = ()
    befallen: frozenset[str] = frozenset()
    renewals: int = 0
    _released: Mapping[str, list[Ask]] = field(init=False, repr=False, default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for ask in self.asks:
            if ask.token is not None:
                self._released[ask.token].append(ask)

    def violations(self) -> list[tuple[str, str]]:
        """Say what must not have happened, each with its kind; nothing, if all is well."""
        return [*self._foreign(), *self._late(), *self._twice(), *self._after_revoke(), *self._unserved()]

    def _foreign(self) -> Iterator[tuple[str, str]]:
        for call in self.calls:
            if call.word == ANSWERED and call.said != call.user:
                yield FOREIGN, f"{call.user}: a call was made as {call.said}"
        for releases in self._released.values():
            if len(users := {ask.user for ask in releases}) > 1:
                yield FOREIGN, f"{', '.join(sorted(users))}: were given the same token"
        for use in self.uses:
            releases = self._released.get(use.token, [])
            if use.said is not None and releases and use.said != releases[0].user:
                yield FOREIGN, f"{releases[0].user}: was given a token of {use.said}"

    def _late(self) -> Iterator[tuple[str, str]]:
        for use in self.uses:
            releases = [ask for ask in self._released.get(use.token, ()) if ask.answered_at <= use.came_at]
            if not releases:
                yield LATE, "a token came to the MCP server that was not released to this gateway"
            elif (over := use.came_at - max(ask.cache_until for ask in releases)) > 0:
                yield LATE, f"{releases[0].user}: a token was used {over:.1f} s after its cache_until"

    def _twice(self) -> Iterator[tuple[str, str]]:
        under_way: dict[tuple[str, str, str], list[Ask]] = defaultdict(list)
        for ask in self.asks:
            under_way[ask.kind, ask.user, ask.about].append(ask)
        for (kind, user, _), asks in under_way.items():
            for one, other in pairwise(sorted(asks, key=lambda ask: ask.came_at)):
                if other.came_at < one.answered_at and not _may_be_given_up(one, asks):
                    yield TWICE, f"{user}: a {kind} was begun while another was under way"

    def _after_revoke(self) -> Iterator[tuple[str, str]]:
        for away in self.aways:
            for ask in self.asks:
                if ask.user == away.user and ask.token and away.holds(ask.came_at) and ask.answered_at < away.until:
                    yield REVOKED, f"{away.user}: a {ask.kind} gave a token after the revoke"
            for call in self.calls:
                late = call.began > away.since + PROMISE
                if call.user == away.user and call.word == ANSWERED and late and away.holds(call.began):
                    yield REVOKED, f"{away.user}: a call succeeded {call.began - away.since:.0f} s after the revoke"

    def _unserved(self) -> Iterator[tuple[str, str]]:
        for call in self.calls:
            if call.user in self.befallen:
                continue
            if call.prompts:
                yield UNSERVED, f"{call.user}: was prompted although nothing had been taken from them"
            elif call.word != ANSWERED and not self._was_busy(call):
                yield UNSERVED, f"{call.user}: was {call.word} ({call.said}) although Strongroom was not busy"

    def _was_busy(self, call: Call) -> bool:
        return any(
            ask.user == call.user and ask.is_busy and ask.answered_at >= call.began and ask.came_at <= call.ended
            for ask in self.asks
        )

    # -- what is shown

    def unavailable(self) -> int:
        """How many calls were refused since Strongroom had no time in all the time that a gateway waits."""
        return sum(call.word == REFUSED and self._was_busy(call) for call in self.calls)

    def table(self) -> list[tuple[str, str]]:
        words, asked = Counter(call.word for call in self.calls), Counter(ask.kind for ask in self.asks)
        look_ups = Counter(ask.word for ask in self.asks if ask.kind == LOOK_UP)
        refused = ", ".join(f"{word} {number}" for word, number in sorted(look_ups.items()) if word != "token")
        return [
            ("people", str(len({call.user for call in self.calls}))),
            ("calls", f"{len(self.calls)} ({words[ANSWERED]} answered with the caller's name)"),
            ("  ended with a prompt", str(words[PROMPTED])),
            ("  refused", f"{words[REFUSED]} ({self.unavailable()} while Strongroom was too busy to answer)"),
            ("prompts", str(sum(call.prompts for call in self.calls))),
            ("requests with a token", f"{len(self.uses)} ({len(self._used())} tokens)"),
            ("  turned away by the MCP server", str(sum(use.status == 401 for use in self.uses))),
            ("look-ups", f"{asked[LOOK_UP]}" + (f" ({refused})" if refused else "")),
            ("reports of a rejection", str(asked.total() - asked[LOOK_UP])),
            ("renewals", str(self.renewals)),
            ("revokes", str(len(self.aways))),
        ]

    def _used(self) -> set[str]:
        return {use.token for use in self.uses}

    def verdict(self) -> list[str]:
        """The sentences that this is about."""
        found = Counter(kind for kind, _ in self.violations())
        twice = f"{found[TWICE]} look-ups begun while another was under way for the same user and need"
        return [
            f"{found[FOREIGN]} with another user's token",
            f"{found[LATE]} after cache_until",
            twice if found[TWICE] else "at most one look-up under way per user and need",
            f"{found[REVOKED]} after a revoke",
            f"{found[UNSERVED]} turned away without a reason",
        ]


def _may_be_given_up(one: Ask, asks: Sequence[Ask]) -> bool:
    """Whether a gateway may have stopped waiting for this answer: its patience is longer than any first answer, but may end
    in the middle of an attempt after one that failed."""
    return any(before.is_busy for before in asks if before.came_at < one.came_at)
