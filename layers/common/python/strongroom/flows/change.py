"""An admin changes an installation: everything that the change means, in one write."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import change as rules
from strongroom.domain.by_hand import by_hand
from strongroom.domain.change import Difference, Wanted
from strongroom.domain.destinations import judge
from strongroom.domain.errors import Conflict
from strongroom.domain.installation import Installation
from strongroom.domain.table import Committed, Is, Missing, Put, Refused, Remove, Write
from strongroom.flows import entering, injecting, installed
from strongroom.flows.administering import Administered, administered, committed, ended_binding
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.flows.installed import Listed
from strongroom.ports import Ports


def change(ports: Ports, user: str, team: str, installation: str, wanted: Wanted, if_match: str | None) -> Listed:
    """Change what is named. What was connected under the old URL, mode, provider or entries serves no more when this
    returns, and a chore follows that ends it at the provider. Equal values change nothing.

    Raises:
        NotFound: If it is not an installation of a team of this person.
        Forbidden: If the person is no admin.
        ChangedMeanwhile: If it is not what `if_match` says.
        EgressRefused, InvalidRequest, DiscoveryFailed: If a new value may not be used, as at installing.
        Conflict: `name_taken` or `draft_used`.
        KeysUnavailable: If a client secret cannot be sealed just now.
    """

    def attempt() -> bool:
        at = administered(ports, user, team, installation, if_match)
        return _change(ports, at, wanted)

    in_a_few_attempts(ports, attempt)
    return installed.see(ports, user, team, installation)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is different, the row of a client that was entered anew, and which injected entries change, by name."""

    what: Difference
    client: tuple[Put, ...]
    entries: tuple[str, ...]


def _change(ports: Ports, at: Administered, wanted: Wanted) -> bool:
    """Give False if somebody else changed the row under us."""
    plan = _plan(ports, at, wanted)
    if not plan.what.members:
        return True
    writes = _writes(ports, at, plan)
    outcome = committed(ports, at, *writes)
    if isinstance(outcome, Committed):
        return True
    _explain(writes, outcome)
    return False


def _plan(ports: Ports, at: Administered, wanted: Wanted) -> _Plan:
    present, now = at.installation, int(ports.clock.now())
    entered, client = entering.checked_again(ports, at.team, wanted.provider, by_hand(present), now)
    after = rules.applied(present, wanted, entered)
    if after.url != present.url and after.url is not None:
        judge(after.url, ports.policy.destinations())
    injected = _injected(ports, at, after, wanted)
    after = replace(after, injected=injected.value)
    what = rules.difference(present, after, injects_otherwise=injected.rebinds)
    return _Plan(what, client, injected.names)


def _injected(ports: Ports, at: Administered, after: Installation, wanted: Wanted) -> injecting.Changed:
    """What satellites add, as it will be; whether there is a token decides what may be added, so that is checked anew."""
    if wanted.inject is None and after.requires_oauth == at.installation.requires_oauth:
        return injecting.Changed(after.injected, rebinds=False)
    return injecting.changed(ports, at.team, after, wanted.inject)


def _writes(ports: Ports, at: Administered, plan: _Plan) -> tuple[Write, ...]:
    what = plan.what
    return (
        rules.write(what.before, _as_it_will_be(ports, what)),
        *_renaming(what),
        *plan.client,
        *_records(ports, at, plan),
        *((ended_binding(ports, at, "installation_changed"),) if what.rebinds else ()),
    )


def _as_it_will_be(ports: Ports, what: Difference) -> Installation:
    after = what.after
    if what.ends_authorizations:
        after = rules.readmitting(after, fresh_id(ports))
    if what.rebinds:
        after = rules.rebound(after, "installation_changed", fresh_id(ports), int(ports.clock.now()))
    return after


def _renaming(what: Difference) -> tuple[Write, ...]:
    """Give the old name free and take the new one; unless they are one name, written otherwise."""
    old = entering.name_key(what.before.team, what.before.name)
    row = Put(entering.name_row(what.after), require=Missing())
    return () if row.key == old else (Remove(old, Is("installation", what.before.id)), row)


def _records(ports: Ports, at: Administered, plan: _Plan) -> tuple[Put, ...]:
    """Say who changed what, and to what: names, addresses and codes, never a secret."""
    others = tuple(member for member in plan.what.members if member != "enabled")
    changed = (_changed(ports, at, plan, others),) if others else ()
    if plan.what.switched is None:
        return changed
    where, user = at.installation, at.user
    if plan.what.switched == "enabled":
        return (noted(ports, where.team, "enabled", user, installation=where.id), *changed)
    return (noted(ports, where.team, "disabled", user, installation=where.id), *changed)


def _changed(ports: Ports, at: Administered, plan: _Plan, members: tuple[str, ...]) -> Put:
    """Tell the new values. One that is none is not told: that it was changed says so."""
    after = plan.what.after
    given = entering.chosen(by_hand(after)) if "provider" in members else entering.Chosen()
    return noted(
        ports,
        after.team,
        "installation_changed",
        at.user,
        installation=after.id,
        changed=" ".join(members),
        name=after.name if "name" in members else None,
        url=after.url if "url" in members else None,
        sharing=after.sharing if "sharing" in members else None,
        scopes=(" ".join(after.scopes) or None) if "scopes" in members else None,
        requires_oauth=after.requires_oauth if "requires_oauth" in members else None,
        entries=", ".join(plan.entries) or None,
        issuer=given.issuer,
        client_id=given.client_id,
        authorization_endpoint=given.authorization,
        token_endpoint=given.token,
        revocation_endpoint=given.revocation,
        pkce_unlisted=given.pkce_unlisted,
        parameters=given.parameters,
    )


def _explain(writes: tuple[Write, ...], outcome: Refused) -> None:
    """Say what stands in the way, if it is not only that somebody else was first.

    Raises:
        Conflict: `name_taken` or `draft_used`.
    """
    if min(outcome.failed) <= 0:
        return
    stood = [writes[place] for place in outcome.failed]
    kinds = {write.item.get("kind") for write in stood if isinstance(write, Put)}
    if "name" in kinds:
        raise Conflict("the team has an installation of this name", code="name_taken")
    if "provider_client" in kinds:
        raise Conflict("a client was entered under this draft already", code="draft_used")
