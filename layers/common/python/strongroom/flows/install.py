"""Installing an MCP server for a team."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from strongroom.domain import identifiers, keys
from strongroom.domain.by_hand import ByHand, Entered
from strongroom.domain.by_hand_rules import accept, client_of
from strongroom.domain.destinations import judge
from strongroom.domain.errors import Conflict, Forbidden
from strongroom.domain.installation import Installation, Sharing
from strongroom.domain.provider import drafted_key
from strongroom.domain.status import derive
from strongroom.domain.table import Check, Committed, Is, Item, Missing, Put, Write, every
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.installed import Listed
from strongroom.flows.known import known_providers
from strongroom.flows.reads import team_and_member
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an admin wants to be installed. `scopes`: the request and the ceiling; empty: those of the server's challenge."""

    name: str
    url: str
    sharing: Sharing = "per_user"
    scopes: tuple[str, ...] = ()
    provider: Entered | None = None


def install(ports: Ports, user: str, team: str, wanted: Wanted) -> Listed:
    """Install an MCP server by its URL, under a name that is unique in the team.

    Nothing is asked of the server yet: what it needs is found out when somebody connects. But a URL that could never be
    called is refused here, and so is a provider entered by hand that breaks a rule. Its client belongs to this installation
    alone: the callback URL comes from the draft and this team, and a draft serves once.

    Raises:
        NotFound: If the person is not a member.
        Forbidden: If the person is not an admin.
        EgressRefused: If the URL may not be called.
        InvalidRequest, DiscoveryFailed: If what was entered may not be used; see `by_hand_rules.accept`.
        Conflict: `name_taken` or `draft_used`.
        KeysUnavailable: If a client secret cannot be sealed just now.
    """
    known, member = team_and_member(ports.table, team, user)
    if not member.is_admin:
        raise Forbidden("only an admin installs", code="admin_required")
    judge(wanted.url, ports.policy.destinations())
    now = int(ports.clock.now())
    entered, client = _entered(ports, known, wanted.provider, now)
    new = Installation(
        id=fresh_id(ports),
        team=team,
        name=wanted.name,
        url=wanted.url,
        sharing=wanted.sharing,
        binding=fresh_id(ports),
        enabled=True,
        admission=fresh_id(ports),
        scopes=wanted.scopes,
        entered=entered.to_value() if entered else None,
    )
    writes: tuple[Write, ...] = (
        Check(keys.team(team), Is("state", "active")),
        Check(keys.member(team, user), every(Is("state", "active"), Is("role", "team_admin"))),
        Put(_name_row(new), require=Missing()),
        Put(new.to_item(now, user), require=Missing()),
        _told(ports, user, new, entered),
        *client,
    )
    outcome = ports.table.commit(writes, fresh_id(ports))
    if not isinstance(outcome, Committed):
        raise _why_not(set(outcome.failed))
    return Listed(new, derive(None, new, member, now))


def _entered(ports: Ports, team: Team, entered: Entered | None, now: int) -> tuple[ByHand | None, tuple[Put, ...]]:
    """Check what was entered, and make the row of its client; the secret is sealed under the team's own key."""
    if entered is None:
        return None, ()
    key = drafted_key(team.id, entered.draft)
    known = known_providers(ports)
    accepted = accept(entered, key, known, ports.policy.destinations())
    kept = client_of(entered, accepted, known, ports.policy.redirect_uri(key))
    secret = kept.client.client_secret
    ring = ports.vault.sealing_ring("installation", team.sealing_keys) if secret is not None else None
    return accepted, (Put(clients.to_item(kept, team.id, ring, now), require=Missing()),)


def _told(ports: Ports, user: str, new: Installation, entered: ByHand | None) -> Put:
    """Write down who chose where tokens go."""
    ends = entered.endpoints if entered else None
    return noted(
        ports,
        new.team,
        "installed",
        user,
        installation=new.id,
        url=new.url,
        sharing=new.sharing,
        scopes=" ".join(new.scopes) or None,
        issuer=entered.issuer if entered else None,
        client_id=entered.client_id if entered else None,
        authorization_endpoint=ends.authorization if ends else None,
        token_endpoint=ends.token if ends else None,
        revocation_endpoint=ends.revocation if ends else None,
        pkce_unlisted=entered.pkce_unlisted or None if entered else None,
        parameters=urlencode(entered.parameters) or None if entered else None,
    )


def _why_not(failed: set[int]) -> Exception:
    if failed & {0, 1}:
        return Forbidden("no longer an admin of the team", code="admin_required")
    if 2 in failed:
        return Conflict("the team has an installation of this name", code="name_taken")
    return Conflict("a client was entered under this draft already", code="draft_used")


def _name_row(installation: Installation) -> Item:
    """Hold the name by its hash: folding case makes some letters three, and a sort key has at most 1,024 bytes."""
    key = keys.installation_name(installation.team, identifiers.hashed(installation.name.casefold()))
    return {"PK": key.pk, "SK": key.sk, "kind": "name", "installation": installation.id}
