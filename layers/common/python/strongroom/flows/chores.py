"""Telling a provider that a grant has ended (RFC 7009), until it has heard or there is no hope.

A grant that something of the same person's keeps alive is not told of, and not forgotten either: its chore is parked until
another one of that person ends. Once a week it looks by itself, since a keeper may end without a chore.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from strongroom.domain import exchange, keys
from strongroom.domain.chore import RevocationChore, RevocationOutcome, is_kept, listing
from strongroom.domain.connection import Connection
from strongroom.domain.errors import IntegrityError, KeysUnavailable, NotFound
from strongroom.domain.http import Outgoing
from strongroom.domain.installation import Installation
from strongroom.domain.rows import NewerRow
from strongroom.domain.secret import Secret
from strongroom.domain.status import standing_of
from strongroom.domain.table import Key
from strongroom.domain.team import Member, Team
from strongroom.domain.token_requests import BackChannel, TokenHint, revocation_request
from strongroom.flows import clients, cuts
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.cuts import Passed
from strongroom.flows.reads import all_rows
from strongroom.flows.sending import asked, asking_as, sent
from strongroom.ports import Ports


def do_chore(ports: Ports, chore_id: str) -> RevocationOutcome | Literal["parked", "woken"] | Passed | None:
    """Do one chore; None if it sleeps, has ended already, or is a newer release's. Doing it twice is harmless.

    Raises:
        KeysUnavailable, StoreUnavailable: The chore stays, and the sweep finds it again.
    """
    key = keys.chore(chore_id)
    row = ports.table.read((key,)).get(key)
    if row is not None and row.get("work") == "cut":
        return cuts.clear(ports, row)
    try:
        chore = RevocationChore.from_item(row) if row is not None else None
        asleep = RevocationChore.parked_in(row) if row is not None else None
    except NewerRow:
        return None
    if asleep is not None:
        return _look_again(ports, asleep)
    if chore is None:
        return None
    kept = _kept(ports, chore)
    if kept == "parked":
        _park(ports, chore)
        return kept
    outcome = kept or _told(ports, chore)
    _write_down(ports, chore, outcome)
    return outcome


def _told(ports: Ports, chore: RevocationChore) -> RevocationOutcome:
    """Tell the provider; what cannot be opened or sent is an alarm, and is given up after the same time.

    Raises:
        KeysUnavailable: As long as there is hope that they come back.
    """
    try:
        return _tell_provider(ports, chore)
    except (IntegrityError, NotFound) as error:
        ports.journal.alarm("chore_stuck", code=error.public_code, team=chore.owner.team)
        return "unreachable"
    except KeysUnavailable as error:
        if not _is_hopeless(ports, chore):
            raise
        ports.journal.note("chore_without_keys", code=error.public_code, team=chore.owner.team)
        return "unreachable"


def _is_hopeless(ports: Ports, chore: RevocationChore) -> bool:
    """Whether it was tried for long enough, or the keys went with the team: then nobody ever opens these tokens again."""
    if chore.is_hopeless(int(ports.clock.now())):
        return True
    key = keys.team(chore.owner.team)
    row = ports.table.read((key,)).get(key)
    return row is not None and _is_shredded(Team.from_item(row))


def _is_shredded(team: Team) -> bool:
    return not team.active and team.sealing_keys.current("connection") is None


def _kept(ports: Ports, chore: RevocationChore) -> Literal["parked", "kept_for_other"] | None:
    """Whether ending this grant has to wait, or is left to the end of another; nobody else is touched.

    Where a revocation is known to end the one token and no more, it harms nobody. Where it is known to end the whole grant,
    the last one does for all. Of other providers nobody knows which it is: what is kept waits until its keeper has ended.
    """
    ends = ports.catalog.entry(chore.destination.issuer, chore.destination.token_endpoint).revoking.ends
    if ends == "token" or not is_kept(chore, _others(ports, chore)):
        return None
    return "kept_for_other" if ends == "grant" else "parked"


def _park(ports: Ports, chore: RevocationChore) -> None:
    """Park it; what kept it may have ended in this very moment, before its chore could find this one."""
    ports.journal.note("revocation", outcome="parked", team=chore.owner.team, installation=chore.owner.installation)
    ports.table.commit((chore.parked(int(ports.clock.now())),), fresh_id(ports))
    if _kept(ports, chore) != "parked":
        _wake(ports, chore)


def _look_again(ports: Ports, chore: RevocationChore) -> Literal["parked", "woken"] | None:
    """A week has passed since anybody looked: what kept it may be gone without a word. Whoever ends meanwhile wakes it."""
    now = int(ports.clock.now())
    if not chore.is_to_look(now):
        return None
    if _kept(ports, chore) != "parked":
        _wake(ports, chore)
        return "woken"
    ports.table.commit((chore.sleeps_on(now),), fresh_id(ports))
    return "parked"


def _wake(ports: Ports, chore: RevocationChore) -> None:
    ports.table.commit((chore.woken(ports.policy, int(ports.clock.now())),), fresh_id(ports))


def _wake_parked(ports: Ports, ended: RevocationChore) -> None:
    """Have what may have waited for this judged anew by the next tick; what is kept still is parked again, and wakes nobody.

    The index only names it.
    """
    for row in all_rows(ports.table, listing(ended.owner.team), "", index="g1"):
        if row.get("state") != "parked" or row.get("user") != ended.user:
            continue
        key = Key(str(row["PK"]), str(row["SK"]))
        parked = RevocationChore.parked_in(ports.table.read((key,)).get(key, {}))
        if parked is not None and parked.may_wait_for(ended):
            _wake(ports, parked)


def _others(ports: Ports, chore: RevocationChore) -> list[Connection]:
    """Everything that still serves by the consent of the same person in the same team.

    Their own partition and the team's shared rows; a connection whose standing is over serves nobody any more.
    """
    team, user = chore.owner.team, chore.user
    own = all_rows(ports.table, keys.member(team, user).pk, "C#")
    shared = all_rows(ports.table, keys.team(team).pk, "I#")
    rows = [*own, *(row for row in shared if row["kind"] == "connection" and row.get("authorized_by") == user)]
    connections = [Connection.from_item(row) for row in rows]
    return [connection for connection in connections if _stands(ports, connection, user)]


def _stands(ports: Ports, connection: Connection, user: str) -> bool:
    owner = connection.owner
    place, person = keys.installation(owner.team, owner.installation), keys.member(owner.team, user)
    found = ports.table.read((place, person))
    if place not in found:
        return False
    installation = Installation.from_item(found[place])
    member = Member.from_item(found[person]) if person in found else None
    return connection.standing == standing_of(owner, installation, member)


def _tell_provider(ports: Ports, chore: RevocationChore) -> RevocationOutcome:
    endpoint = chore.destination.revocation_endpoint
    if endpoint is None:
        return "unsupported"
    team = _team(ports, chore)
    kept = clients.known(ports, team.sealing_keys, chore.destination)
    outcomes: list[RevocationOutcome] = []
    for token, hint in _tokens(ports, team, chore):
        asking = asking_as(ports, endpoint, kept, chore.destination, partial(_revocation, token, hint))
        answer = asked(ports, asking, partial(sent, ports.egress)).answer
        outcomes.append(exchange.judge_revocation(answer))
        if outcomes[-1] == "unreachable":
            return "unreachable"
    return outcomes[0]


def _revocation(token: Secret, hint: TokenHint, channel: BackChannel) -> Outgoing:
    return revocation_request(channel, token, hint)


def _tokens(ports: Ports, team: Team, chore: RevocationChore) -> list[tuple[Secret, TokenHint]]:
    """The refresh token first: the grant hangs on it, and its outcome counts. Not every provider revokes access tokens
    (RFC 7009 §2)."""
    ring = ports.vault.ring("connection", team.sealing_keys)
    found: list[tuple[Secret, TokenHint]] = []
    if chore.tokens.refresh is not None:
        found.append((ring.open(chore.tokens.refresh, chore.place("refresh_token")), "refresh_token"))
    found.append((ring.open(chore.tokens.access, chore.place("access_token")), "access_token"))
    return found


def _team(ports: Ports, chore: RevocationChore) -> Team:
    """Read the team for its keys: a tombstone keeps them until its last chore has ended."""
    key = keys.team(chore.owner.team)
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise NotFound("the team of a chore is gone")
    team = Team.from_item(row)
    if _is_shredded(team):
        raise KeysUnavailable("the keys went with the team")
    return team


def _write_down(ports: Ports, chore: RevocationChore, outcome: RevocationOutcome) -> None:
    now = ports.clock.now()
    ports.journal.note("revocation", outcome=outcome, team=chore.owner.team, installation=chore.owner.installation)
    if outcome == "unreachable" and not _is_hopeless(ports, chore):
        ports.table.commit((chore.postponed(int(now)),), fresh_id(ports))
        return
    # Before this chore ends: should we die in between, it is done again, and nobody is left asleep.
    _wake_parked(ports, chore)
    entry = ports.catalog.entry(chore.destination.issuer, chore.destination.token_endpoint)
    left_there = outcome in ("unsupported", "refused_by_provider", "unreachable")
    page = entry.page_to_end_at(chore.destination.issuer, loopback=ports.policy.loopback) if left_there else None
    told = noted(
        ports,
        chore.owner.team,
        "revocation_ended",
        "strongroom",
        chore.owner,
        user=chore.user,
        installation=chore.owner.installation,
        outcome=outcome,
        why=chore.why,
        page=page,
    )
    ports.table.commit((chore.ended(outcome, int(now)), told), fresh_id(ports))
