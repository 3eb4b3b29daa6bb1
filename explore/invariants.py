"""What must hold after each step, and when all actors have ended and everything has settled."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import cast

from explore.casts import ENDINGS, FELL_OVER, PERSON, TEAM, Ground
from explore.recovery import Aftermath
from explore.state import State
from explore.surroundings import PROVIDER, WatchedProvider
from strongroom.domain import keys
from strongroom.domain.connection import Version
from strongroom.domain.errors import IntegrityError, StrongroomError
from strongroom.domain.lookup import LEAST_VALIDITY
from strongroom.domain.table import Key
from strongroom.flows.people import put_member
from tests.fakes.rows import Row
from tests.world import HOST


@dataclass
class Invariants:
    """The judge of one ground. Ends that differ in nothing that counts afterwards are judged once."""

    ground: Ground
    judged: dict[Hashable, list[str]] = field(default_factory=dict)

    def __call__(self, state: State, before: State | None) -> list[str]:
        if before is not None:
            return [*_of_answers(state, before), *_of_write(self.ground, state, before)]
        key = (state.total, state.now, state.outage_until, state.facts, state.returned, any_dead(state, "renew"))
        if key not in self.judged:
            self.judged[key] = self._of_the_end(state)
        return self.judged[key]

    def _of_the_end(self, state: State) -> list[str]:
        try:
            after = Aftermath(self.ground, state)
            after.recover()
            return list(_of_the_end(state, after))
        except IntegrityError:
            return ["I4: what is stored was sealed for something else"]
        except Exception as error:
            return [f"I22: the recovery fell over a {type(error).__name__}: {error}"]


def any_dead(state: State, name: str) -> bool:
    return any(node is None and one == name for node, one in zip(state.nodes, state.cast, strict=True))


def _of_answers(state: State, before: State) -> Iterator[str]:
    """I1, I2 and I17: what a look-up that has just ended was given."""
    for at, (node, was) in enumerate(zip(state.nodes, before.nodes, strict=True)):
        if node is was or node is None or not node.over:
            continue
        match node.result:
            case (ended, "released", str(token), expires_at, now):
                if _provider(state).issued.get(token) != PERSON:
                    yield "I1: a token of somebody else"
                if ended:
                    yield f"I2: a token after {ended} had returned"
                if expires_at is not None and cast(int, expires_at) - cast(float, now) < LEAST_VALIDITY:
                    yield "I17: a token that is good for less than ten seconds"
            case (_, error, kind) if error == FELL_OVER:
                yield f"I22: {state.cast[at]} fell over a {kind}"


def _provider(state: State) -> WatchedProvider:
    return cast(WatchedProvider, state.things[PROVIDER].value)


def _row(state: State, key: Key) -> Row | None:
    thing = state.things.get(key)
    return cast("Row | None", thing.value) if thing is not None else None


def _of_write(ground: Ground, state: State, before: State) -> Iterator[str]:
    """I4, I7 and I9: what a step has made of the connection's row."""
    was, now = _row(before, ground.connection), _row(state, ground.connection)
    if was is now or was == now:
        return
    if now is None and not _can_be_read(ground, before, was or {}):
        return
    if was is None or now is None:
        yield "I7: the row is gone"
        return
    old, new = (Version(str(row["grant"]), int(str(row["n"]))) for row in (was, now))
    same_tokens = all(was.get(name) == now.get(name) for name in ("access", "refresh"))
    reason = now.get("status_reason")
    rules = {
        "I4: an older version replaces a newer one": new.grant == old.grant and new.n < old.n,
        "I4: an older grant comes back": new.grant != old.grant and new.grant in before.facts.grants,
        "I4: other tokens under the same version": new == old and not same_tokens,
        "I2: tokens under a grant that was revoked": new.grant == old.grant and "access" not in was and "access" in now,
        "I7: tokens vanish without a revoke": "access" in was and "access" not in now and reason != "revoked",
        "I7: a person must act although nothing was refused": reason in ("refused", "lost_response")
        and was.get("status_reason") is None
        and not _provider(state).refused,
        "I9: tokens stored without authority": new.grant != old.grant
        and "access" in now
        and not _has_authority(ground, before, now),
    }
    yield from (rule for rule, is_broken in rules.items() if is_broken)


def _can_be_read(ground: Ground, state: State, row: Row) -> bool:
    """Whether what a row holds may still be given to anybody."""
    member = _row(state, keys.member(TEAM, PERSON)) or {}
    place = _row(state, keys.installation(TEAM, ground.installation)) or {}
    return (member.get("state"), member.get("epoch"), place.get("binding")) == ("active", row["epoch"], row["binding"])


def _has_authority(ground: Ground, state: State, row: Row) -> bool:
    member = _row(state, keys.member(TEAM, PERSON)) or {}
    place = _row(state, keys.installation(TEAM, ground.installation)) or {}
    return (member.get("state"), member.get("epoch"), place.get("binding"), place.get("enabled")) == (
        "active",
        row["epoch"],
        row["binding"],
        True,
    )


def _of_the_end(state: State, after: Aftermath) -> Iterator[str]:
    yield from _of_the_last_answer(state, after)
    if after.provider.reused and not state.facts.lost:
        yield "I3, I5: the provider saw a spent refresh token although no answer was lost"
    kept = after.kept_refresh_tokens()
    for grant in after.provider.grants:
        if grant.alive and grant.refresh not in kept and not state.facts.lost:
            yield "I5, I14: the provider honours tokens that are neither stored nor revoked"
    if after.due():
        yield "I6, I16: something is still due in the end"
    if any(queue.waiting() or queue.dead for queue in after.queues.values()):
        yield "I15, I16: a message is never done"
    yield from _of_coming_back(state, after)


def _of_the_last_answer(state: State, after: Aftermath) -> Iterator[str]:
    match after.answer():
        case ("released", str(token)):
            if state.returned & {*ENDINGS}:
                yield "I2: a token after all was over, in the end"
            if after.provider.account_of(token) != PERSON:
                yield "I5: the stored token is not the provider's present one"
        case ("AuthorizationRequired", "revoked"):
            if not {"revoke", "revoke_all"} & {*state.cast}:
                yield "I7: revoked by nobody"
        case ("AuthorizationRequired", "lost_response"):
            if not state.facts.lost:
                yield "I5: no answer was lost, and yet a person must act"
            elif after.ground.kind != "strict" and not state.outage_until:
                yield "I6: a provider with a grace window would have given tokens again"
        case ("NotFound", _):
            if not {"leave", "uninstall"} & {*state.cast}:
                yield "I7: no member any more, or not installed, through nobody"
        case ("AuthorizationRequired", reason):
            yield f"I5, I7: a person must act: {reason}"
        case other:
            yield f"I6: no answer in the end: {other}"


def _of_coming_back(state: State, after: Aftermath) -> Iterator[str]:
    """I21: whoever comes back after leaving finds nothing of before."""
    if "leave" not in state.returned:
        return
    try:
        put_member(after.ports, HOST, TEAM, PERSON, "team_admin")
    except StrongroomError as error:
        yield f"I21: cannot come back: {type(error).__name__}"
        return
    answer = after.answer()
    expected = [("AuthorizationRequired", "never_connected"), ("AuthorizationRequired", "revoked")]
    if "uninstall" in state.cast:
        expected.append(("NotFound", "not_found"))
    if answer not in expected:
        yield f"I21: whoever comes back gets {answer[:2]}"
