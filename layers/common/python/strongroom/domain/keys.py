"""The table's keys, built here and nowhere else.

Every part that comes from outside is percent-encoded, so that no part can hold a separator: two different lists of parts
never make the same key, and no partition is a prefix of another's sort keys.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from strongroom.domain.table import Key


def _part(text: str) -> str:
    if not text:
        raise ValueError("an empty part would make keys ambiguous")
    return quote(text, safe="")


def team(team_id: str) -> Key:
    return Key(f"T#{_part(team_id)}", "A")


def installation(team_id: str, installation_id: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"I#{_part(installation_id)}")


def installation_name(team_id: str, name: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"N#{_part(name)}")


def shared_connection(team_id: str, installation_id: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"I#{_part(installation_id)}#C")


def failed_consent(team_id: str, installation_id: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"I#{_part(installation_id)}#F")


def member(team_id: str, user: str) -> Key:
    return Key(f"T#{_part(team_id)}#U#{_part(user)}", "A")


def connection(team_id: str, user: str, installation_id: str) -> Key:
    return Key(f"T#{_part(team_id)}#U#{_part(user)}", f"C#{_part(installation_id)}")


def parse_connection(key: Key) -> tuple[str, str | None, str] | None:
    """Read (team, user, installation) back from a connection's key; the user of a shared one is None.

    None if the key is not one that `connection` or `shared_connection` makes.
    """
    owner, place = key.pk.split("#"), key.sk.split("#")
    try:
        match owner, place:
            case ["T", team_id, "U", user], ["C", installation_id]:
                made = connection(unquote(team_id), unquote(user), unquote(installation_id))
                return (unquote(team_id), unquote(user), unquote(installation_id)) if made == key else None
            case ["T", team_id], ["I", installation_id, "C"]:
                made = shared_connection(unquote(team_id), unquote(installation_id))
                return (unquote(team_id), None, unquote(installation_id)) if made == key else None
    except ValueError:
        return None  # an empty part, or one that no encoding has
    return None


def idempotency(team_id: str, key: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"X#{_part(key)}")


def quota(team_id: str, user: str, what: str) -> Key:
    """Where one member's use of something is counted; the team's own use under `team_quota`."""
    return Key(f"T#{_part(team_id)}#U#{_part(user)}", f"Q#{_part(what)}")


def team_quota(team_id: str, what: str) -> Key:
    return Key(f"T#{_part(team_id)}", f"Q#{_part(what)}")


def authorization(state_hash: str) -> Key:
    return Key(f"A#{_part(state_hash)}", "A")


def provider_client(provider_key: str, generation: int) -> Key:
    return Key(f"P#{_part(provider_key)}", f"K#{generation:08d}")


def registration_lease(provider_key: str) -> Key:
    return Key(f"P#{_part(provider_key)}", "L")


def breaker(provider_key: str) -> Key:
    return Key(f"P#{_part(provider_key)}", "B")


def vault_key(purpose: str, key_id: str) -> Key:
    return Key(f"K#{_part(purpose)}", _part(key_id))


def caller(account: str, role_id: str) -> Key:
    return Key(f"H#{_part(account)}#{_part(role_id)}", "A")


def record(team_id: str, month: str, ulid: str) -> Key:
    return Key(f"R#{_part(team_id)}#{_part(month)}", _part(ulid))


def chore(ulid: str) -> Key:
    return Key(f"V#{_part(ulid)}", "A")
