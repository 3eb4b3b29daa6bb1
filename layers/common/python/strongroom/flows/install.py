"""Installing an MCP server for a team."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from strongroom.domain import injection, keys, quota
from strongroom.domain.by_hand import ByHand, Entered
from strongroom.domain.destinations import judge
from strongroom.domain.errors import Conflict, Forbidden, Unavailable
from strongroom.domain.found import Found
from strongroom.domain.idempotency import Done, Intent
from strongroom.domain.installation import Installation, Sharing
from strongroom.domain.oauth_need import check_need
from strongroom.domain.secret_rotation import SecretState
from strongroom.domain.status import derive
from strongroom.domain.table import Check, Committed, Is, Missing, Put, Write, every
from strongroom.domain.team import Member, Team
from strongroom.flows import entering, injecting
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.installed import Listed, callback_url, see
from strongroom.flows.probe import examine
from strongroom.flows.quota import count_discovery, too_many
from strongroom.flows.reads import all_rows, team_and_member
from strongroom.ports import Ports

Part: TypeAlias = Literal["authority", "name", "installation", "record", "quota", "repeat", "client"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an admin wants to be installed. `scopes`: the request and the ceiling; empty: those of the server's challenge.

    `url` None: satellites start the server themselves. `requires_oauth` None: the server is asked, unless `provider` says
    it.
    """

    name: str
    url: str | None
    sharing: Sharing = "per_user"
    scopes: tuple[str, ...] = ()
    provider: Entered | None = None
    requires_oauth: bool | None = None
    inject: injection.Wanted = field(default_factory=injection.Wanted)


@dataclass(frozen=True, slots=True)
class Installed:
    """What was installed. `lack`: the code of what kept us from finding out all about it, or from connecting."""

    entry: Listed
    lack: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be written."""

    new: Installation
    lack: str | None
    records: tuple[Put, ...]
    client: tuple[Put, ...]


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What is known of the server's need: said by the admin, or found out."""

    requires_oauth: bool | None
    found: Found | None = None
    lack: str | None = None


def install(ports: Ports, user: str, team: str, wanted: Wanted, intent: Intent | None = None) -> Installed:
    """Install an MCP server, under a name that is unique in the team.

    The server is asked what it needs, unless the admin says it. One that does not answer, or breaks a rule, is installed all
    the same. A URL that could never be called is refused, and so is a provider entered by hand that breaks a rule. With an
    `intent`, a repetition gives what was installed the first time, asks nobody and counts nowhere.

    Raises:
        NotFound: If the person is not a member, or what a repetition asks for was removed.
        Forbidden: If the person is not an admin.
        EgressRefused: If the URL may not be called.
        InvalidRequest, DiscoveryFailed: If what was entered may not be used; see `by_hand_rules.accept`.
        Conflict: `name_taken`, `draft_used`, `too_many_installations` or `idempotency_key_reused`.
        TooMany: If the team installs too much in this minute, or the person or the team asks too many servers.
        KeysUnavailable: If a client secret cannot be sealed just now.
    """
    known, member = team_and_member(ports.table, team, user)
    if not member.is_admin:
        raise Forbidden("only an admin installs", code="admin_required")
    done = _done_before(ports, intent)
    if done is not None:
        return _again(ports, user, team, done)
    _check_wanted(ports, wanted)
    entered, client = entering.checked(ports, known, wanted.provider, int(ports.clock.now()))
    _check_room(ports, team, wanted.name)
    learnt = _learn(ports, team, user, wanted)
    new = _with_injected(ports, known, _new(ports, team, wanted, entered, learnt), wanted)
    plan = _Plan(new, learnt.lack, (_told(ports, user, new, entered),), client)
    return _store(ports, member, plan, intent)


def _store(ports: Ports, member: Member, plan: _Plan, intent: Intent | None) -> Installed:
    """Write all of it at once, while the person is an admin, the name is free, and the team has installs left."""
    new, now = plan.new, int(ports.clock.now())
    parts: list[tuple[Part, Write]] = [
        ("authority", Check(keys.team(new.team), Is("state", "active"))),
        (
            "authority",
            Check(keys.member(new.team, member.user), every(Is("state", "active"), Is("role", "team_admin"))),
        ),
        ("name", Put(entering.name_row(new), require=Missing())),
        ("installation", Put(new.to_item(now, member.user), require=Missing())),
        ("quota", quota.INSTALLS.counted(new.team, None, now)),
        *(("record", row) for row in plan.records),
        *(("client", row) for row in plan.client),
        *((("repeat", intent.done(new.id, plan.lack, now)),) if intent else ()),
    ]
    outcome = ports.table.commit([write for _, write in parts], fresh_id(ports))
    if isinstance(outcome, Committed):
        secret = SecretState() if any("client_secret" in row.item for row in plan.client) else None
        mine = Listed(new, derive(None, new, member, now), True, secret, callback_url(ports, new))
        return Installed(mine, plan.lack)
    failed = {parts[at][0] for at in outcome.failed}
    done = _done_before(ports, intent) if "repeat" in failed else None
    if done is not None:
        return _again(ports, member.user, new.team, done)
    raise _why_not(failed, now)


def _done_before(ports: Ports, intent: Intent | None) -> Done | None:
    """Look whether this was done before.

    Raises:
        Conflict: `idempotency_key_reused`, if something else was done under the key.
    """
    row = ports.table.read((intent.key,)).get(intent.key) if intent else None
    done = Done.from_item(row, int(ports.clock.now()))
    if done is not None and intent is not None and not done.is_of(intent):
        raise Conflict("another body was sent under this key", code="idempotency_key_reused")
    return done


def _again(ports: Ports, user: str, team: str, done: Done) -> Installed:
    return Installed(see(ports, user, team, done.installation), done.lack)


def _check_wanted(ports: Ports, wanted: Wanted) -> None:
    """Raises: InvalidRequest or EgressRefused: before anything is asked."""
    provider = wanted.provider
    check_need(
        wanted.url,
        wanted.requires_oauth,
        entered=provider is not None,
        endpoints=provider is not None and provider.endpoints is not None,
        scopes=bool(wanted.scopes),
    )
    if wanted.url is not None:
        judge(wanted.url, ports.policy.destinations())
    injection.check(injection.merged((), wanted.inject), gives_token=wanted.requires_oauth)


def _check_room(ports: Ports, team: str, name: str) -> None:
    """Find out what would be refused anyway, before any server is asked. The write checks name and quota again.

    Those who install at the same moment may pass the number of installations by as many as they are.
    """
    now = ports.clock.now()
    counted, taken = quota.INSTALLS.key(team, None, now), entering.name_key(team, name)
    found = ports.table.read((counted, taken))
    if taken in found:
        raise _why_not({"name"}, now)
    if quota.INSTALLS.is_full(found.get(counted)):
        raise _why_not({"quota"}, now)
    if len(all_rows(ports.table, keys.team(team).pk, "N#")) >= quota.MOST_INSTALLATIONS:
        raise Conflict("the team has as many installations as it may have", code="too_many_installations")


def _new(ports: Ports, team: str, wanted: Wanted, entered: ByHand | None, learnt: _Learnt) -> Installation:
    return Installation(
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
        requires_oauth=learnt.requires_oauth,
        found=learnt.found.to_value() if learnt.found else None,
    )


def _with_injected(ports: Ports, team: Team, new: Installation, wanted: Wanted) -> Installation:
    return replace(new, injected=injecting.changed(ports, team, new, wanted.inject).value)


def _learn(ports: Ports, team: str, user: str, wanted: Wanted) -> _Learnt:
    """Ask the server what it needs, if nobody has said it.

    Raises:
        TooMany: If too many servers were asked in this minute. This one was not.
    """
    if wanted.url is None or wanted.provider is not None or wanted.requires_oauth is not None:
        return _Learnt(wanted.requires_oauth if wanted.provider is None else True)
    count_discovery(ports, team, user)
    seen = examine(ports, wanted.url)
    return _Learnt(seen.requires_oauth, seen.finding, None if seen.requires_oauth is False else seen.code)


def _told(ports: Ports, user: str, new: Installation, entered: ByHand | None) -> Put:
    """Write down who chose where tokens go."""
    given = entering.chosen(entered)
    return noted(
        ports,
        new.team,
        "installed",
        user,
        installation=new.id,
        url=new.url,
        sharing=new.sharing,
        scopes=" ".join(new.scopes) or None,
        issuer=given.issuer,
        client_id=given.client_id,
        authorization_endpoint=given.authorization,
        token_endpoint=given.token,
        revocation_endpoint=given.revocation,
        pkce_unlisted=given.pkce_unlisted,
        parameters=given.parameters,
    )


def _why_not(failed: set[Part], now: float) -> Exception:
    if "authority" in failed:
        return Forbidden("no longer an admin of the team", code="admin_required")
    if "name" in failed:
        return Conflict("the team has an installation of this name", code="name_taken")
    if "quota" in failed:
        return too_many(now)
    if "client" in failed:
        return Conflict("a client was entered under this draft already", code="draft_used")
    return Unavailable("it was done meanwhile, or its row is about to go", retry_after=1)
