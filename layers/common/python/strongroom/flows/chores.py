"""Telling a provider that a grant has ended (RFC 7009), until it has heard or there is no hope."""

from __future__ import annotations

from strongroom.domain import exchange, keys
from strongroom.domain.chore import RevocationChore, RevocationOutcome, is_kept_for_other
from strongroom.domain.connection import Connection
from strongroom.domain.errors import IntegrityError, NotFound
from strongroom.domain.installation import Installation
from strongroom.domain.secret import Secret
from strongroom.domain.status import standing_of
from strongroom.domain.team import Member, Team
from strongroom.domain.token_requests import TokenHint, revocation_request
from strongroom.flows import clients
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.reads import all_rows
from strongroom.flows.sending import back_channel, sent
from strongroom.ports import Ports


def do_chore(ports: Ports, chore_id: str) -> RevocationOutcome | None:
    """Do one chore; None if it has ended already. Doing it twice is harmless.

    Raises:
        KeysUnavailable, StoreUnavailable: The chore stays, and the sweep finds it again.
    """
    key = keys.chore(chore_id)
    row = ports.table.read((key,)).get(key)
    chore = RevocationChore.from_item(row) if row is not None else None
    if chore is None:
        return None
    outcome = _kept_for_other(ports, chore) or _told(ports, chore)
    _write_down(ports, chore, outcome)
    return outcome


def _told(ports: Ports, chore: RevocationChore) -> RevocationOutcome:
    """Tell the provider; what cannot be opened or sent is an alarm, and is given up after the same time."""
    try:
        return _tell_provider(ports, chore)
    except (IntegrityError, NotFound) as error:
        ports.journal.alarm("chore_stuck", code=error.public_code, team=chore.owner.team)
        return "unreachable"


def _kept_for_other(ports: Ports, chore: RevocationChore) -> RevocationOutcome | None:
    """Where a revocation ends the one token and no more, nobody else is touched."""
    entry = ports.catalog.entry(chore.destination.issuer, chore.destination.token_endpoint)
    if entry.revoking.ends == "token":
        return None
    return "kept_for_other" if is_kept_for_other(chore, _others(ports, chore)) else None


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
    client = clients.known(ports, team.sealing_keys, chore.destination).client
    outcomes: list[RevocationOutcome] = []
    for token, hint in _tokens(ports, team, chore):
        channel = back_channel(ports, endpoint, client, chore.destination)
        request = revocation_request(channel, token, hint)
        outcomes.append(exchange.judge_revocation(sent(ports.egress, request)))
        if outcomes[-1] == "unreachable":
            return "unreachable"
    return outcomes[0]


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
    return Team.from_item(row)


def _write_down(ports: Ports, chore: RevocationChore, outcome: RevocationOutcome) -> None:
    now = ports.clock.now()
    ports.journal.note("revocation", outcome=outcome, team=chore.owner.team, installation=chore.owner.installation)
    if outcome == "unreachable" and not chore.is_hopeless(int(now)):
        ports.table.commit((chore.postponed(int(now)),), fresh_id(ports))
        return
    told = noted(
        ports,
        chore.owner.team,
        "revocation_ended",
        "strongroom",
        user=chore.user,
        installation=chore.owner.installation,
        outcome=outcome,
        why=chore.why,
    )
    ports.table.commit((chore.ended(outcome, int(now)), told), fresh_id(ports))
