"""Who may finish an authorization: asked before the code is redeemed, and once more by the write that stores the tokens."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.authorization import Authorization
from strongroom.domain.table import Check, Is, Put, every
from strongroom.flows.attempts import noted
from strongroom.flows.reads import Reads
from strongroom.ports import Ports


def lacks_authority(authorization: Authorization, reads: Reads) -> str | None:
    """Say why this person may not, or no longer, finish this authorization; None if they may.

    Checked before the code is redeemed and again, in the transaction's own conditions, when the tokens are stored.
    """
    if reads.team is None or not reads.team.active or reads.member is None:
        return "no_longer_member"
    if reads.installation is None:
        return "installation_changed"
    shared = authorization.sharing == "shared"
    if reads.member.epoch != authorization.member_epoch:
        return "no_longer_member"
    if shared and not reads.member.is_admin:
        return "no_longer_admin"
    if reads.installation.binding != authorization.standing.binding:
        return "installation_changed"
    if not reads.installation.enabled or reads.installation.admission != authorization.admission:
        return "disabled_meanwhile"
    present = reads.shared if shared else reads.own
    if authorization.revocation != (present.revocation if present else ""):
        return "revoked_meanwhile"
    if present is not None and authorization.begun_at < present.begun_at:
        return "newer_grant"
    return None


def authority_checks(authorization: Authorization) -> tuple[Check, ...]:
    """The same as conditions of the transaction that stores the tokens."""
    user, team = authorization.user, authorization.team
    member = [Is("state", "active"), Is("epoch", authorization.member_epoch)]
    if authorization.sharing == "shared":
        member.append(Is("role", "team_admin"))
    bound = (Is("binding", authorization.standing.binding), Is("admission", authorization.admission))
    installed = every(*bound, Is("enabled", True))
    return (
        Check(keys.team(team), Is("state", "active")),
        Check(keys.member(team, user), every(*member)),
        Check(keys.installation(team, authorization.installation), installed),
    )


def refusal_record(ports: Ports, authorization: Authorization, why: str) -> Put:
    """Tell that a completion was refused, for a reason that is a stable code of ours."""
    by = authorization.user
    where = authorization.installation
    return noted(ports, authorization.team, "completion_refused", by, authorization.owner, why=why, installation=where)
