"""Another client secret for a provider that an admin has entered: written, and never read back."""

from __future__ import annotations

from strongroom.domain import change, keys
from strongroom.domain.by_hand import by_hand
from strongroom.domain.errors import Conflict
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.secret import Secret
from strongroom.domain.secret_rotation import SecretState
from strongroom.domain.table import Check, Committed
from strongroom.flows import clients, sealed_secrets
from strongroom.flows.administering import Administered, administered, committed
from strongroom.flows.attempts import in_a_few_attempts, noted
from strongroom.ports import Ports


def rotate(ports: Ports, user: str, team: str, installation: str, secret: Secret, if_match: str | None) -> SecretState:
    """Put another secret in the place of the one that an admin has entered, which is tried for a while yet.

    It is the same client, so nobody has to connect again. To repeat the present secret changes nothing: whoever is not sure
    that it arrived may send it again.

    Raises:
        NotFound: If it is not an installation of a team of this person.
        Forbidden: If the person is no admin.
        ChangedMeanwhile: If it is not what `if_match` says.
        Conflict: `no_client_secret`, or `rotated_meanwhile` if somebody else was first.
        KeysUnavailable: If the secret cannot be sealed just now.
    """
    done: list[SecretState] = []

    def attempt() -> bool:
        at = administered(ports, user, team, installation, if_match)
        done.extend(_rotated(ports, at, secret))
        return bool(done)

    in_a_few_attempts(ports, attempt)
    return done[0]


def _rotated(ports: Ports, at: Administered, secret: Secret) -> tuple[SecretState, ...]:
    """Give how it stands now; nothing if somebody changed the installation or its people under us."""
    now = int(ports.clock.now())
    kept, present, state = _entered(ports, at, now)
    if present == secret:
        return (state,)
    ring = ports.vault.sealing_ring("installation", at.team.sealing_keys)
    write = sealed_secrets.replaced(kept, present, secret, ring, now)
    record = noted(
        ports,
        at.team.id,
        "client_secret_rotated",
        at.user,
        installation=at.installation.id,
        issuer=kept.issuer,
        client_id=kept.client.client_id,
    )
    still_entered = Check(keys.installation(at.team.id, at.installation.id), change.unchanged(at.installation))
    outcome = committed(ports, at, write, still_entered, record)
    if isinstance(outcome, Committed):
        return (SecretState.from_item(write.put, now),)
    if 0 in outcome.failed:
        # One of two who rotate at once is told: which of the secrets the provider takes, only they can find out.
        raise Conflict("another secret was entered meanwhile", code="rotated_meanwhile")
    return ()


def _entered(ports: Ports, at: Administered, now: int) -> tuple[KeptClient, Secret, SecretState]:
    """Raises: Conflict: `no_client_secret`."""
    entered = by_hand(at.installation)
    key = keys.provider_client(entered.provider_key, clients.ENTERED) if entered is not None else None
    row = ports.table.read((key,)).get(key) if key is not None else None
    kept = clients.from_item(ports, at.team.sealing_keys, row) if row is not None else None
    if row is None or kept is None or kept.client.client_secret is None:
        raise Conflict("there is no secret to rotate", code="no_client_secret")
    return kept, kept.client.client_secret, SecretState.from_item(row, now)
