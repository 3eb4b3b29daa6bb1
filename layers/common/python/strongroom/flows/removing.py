"""An admin cuts: takes an installation away, or what everybody has connected at it."""

from __future__ import annotations

from strongroom.domain import change as rules
from strongroom.domain import keys
from strongroom.domain.by_hand import by_hand
from strongroom.domain.table import Committed, Is, Remove
from strongroom.flows import entering
from strongroom.flows.administering import administered, committed, ended_binding
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.ports import Ports


def remove(ports: Ports, user: str, team: str, installation: str, if_match: str | None) -> None:
    """Uninstall: when this returns, nobody gets anything for it, and its name is free. A chore follows that ends, at the
    provider, what was connected, and removes the rows.

    Raises:
        NotFound: If it is not an installation of a team of this person, or not any more.
        Forbidden: If the person is no admin.
        ChangedMeanwhile: If it is not what `if_match` says.
    """

    def attempt() -> bool:
        at = administered(ports, user, team, installation, if_match)
        gone, entered = at.installation, by_hand(at.installation)
        outcome = committed(
            ports,
            at,
            Remove(keys.installation(team, gone.id), rules.unchanged(gone)),
            Remove(entering.name_key(team, gone.name), Is("installation", gone.id)),
            noted(ports, team, "uninstalled", user, installation=gone.id, name=gone.name, url=gone.url),
            ended_binding(ports, at, "uninstalled", entered.provider_key if entered else None),
        )
        return isinstance(outcome, Committed)

    in_a_few_attempts(ports, attempt)


def revoke_all(ports: Ports, user: str, team: str, installation: str, if_match: str | None) -> None:
    """End what everybody has connected at an installation, the team's shared connection included, and everything that is
    under way. People connect again if they still want it.

    Raises:
        NotFound, Forbidden, ChangedMeanwhile: As `remove`.
    """

    def attempt() -> bool:
        at = administered(ports, user, team, installation, if_match)
        present, now = at.installation, int(ports.clock.now())
        after = rules.rebound(rules.readmitting(present, fresh_id(ports)), "revoked", fresh_id(ports), now)
        outcome = committed(
            ports,
            at,
            rules.write(present, after),
            noted(ports, team, "revoked_all", user, installation=present.id, sharing=present.sharing),
            ended_binding(ports, at, "revoked"),
        )
        return isinstance(outcome, Committed)

    in_a_few_attempts(ports, attempt)
