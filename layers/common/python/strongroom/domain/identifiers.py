"""Ids: the grammars of those that come from outside, and the making of our own.

Fresh bytes are an argument; nothing here is random by itself.
"""

from __future__ import annotations

import base64
import hashlib
import re

from strongroom.domain.errors import InvalidRequest, NotFound

_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_USER = re.compile(r"[\x20-\x7e]{1,255}")
_MINTED = re.compile(r"[a-z2-7]{20}", re.ASCII)
_HASH = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PROVIDER_KEY = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_ROLE_ID = re.compile(r"AROA[A-Z0-9]{12,124}", re.ASCII)
_VERSION = re.compile(r"[a-z2-7]{20}\.[0-9]{1,12}", re.ASCII)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

ID_BYTES = 12
SECRET_BYTES = 32
ULID_BYTES = 10


def checked_team(text: str) -> str:
    """Raises: NotFound: a team with such a name cannot exist."""
    return _matching(_TEAM, text)


def checked_installation(text: str) -> str:
    """Raises: NotFound: we never minted such an id."""
    return _matching(_MINTED, text)


def checked_authorization(text: str) -> str:
    """Raises: NotFound: we never minted such an id."""
    return _matching(_HASH, text)


def checked_provider_key(text: str) -> str:
    """Raises: NotFound: we never minted such a key."""
    return _matching(_PROVIDER_KEY, text)


def _matching(grammar: re.Pattern[str], text: str) -> str:
    if not grammar.fullmatch(text):
        raise NotFound("an id of a form that we never mint")
    return text


def checked_user(text: object) -> str:
    """Give back the user id: 1 to 255 printable ASCII, exactly the sign-in service's `sub`.

    Raises:
        InvalidRequest: If it is anything else.
    """
    if not isinstance(text, str) or not _USER.fullmatch(text):
        raise InvalidRequest("a user id has 1 to 255 printable ASCII characters")
    return text


def is_minted(text: object) -> bool:
    """Whether this has the form of the ids that we make."""
    return isinstance(text, str) and bool(_MINTED.fullmatch(text))


def is_version(text: object) -> bool:
    return isinstance(text, str) and bool(_VERSION.fullmatch(text))


def is_account(text: str) -> bool:
    return bool(_ACCOUNT.fullmatch(text))


def is_role_id(text: str) -> bool:
    """Whether this is the unique id of an IAM role, which a role of the same name made later does not have."""
    return bool(_ROLE_ID.fullmatch(text))


def minted(fresh: bytes) -> str:
    """Make an id of 20 lower-case characters from 12 fresh bytes."""
    return base64.b32encode(fresh[:ID_BYTES]).decode().rstrip("=").lower()


def url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def hashed(secret_text: str) -> str:
    """Give the SHA-256 of a high-entropy secret, base64url: what we store and look up instead of the secret."""
    return url_safe(hashlib.sha256(secret_text.encode()).digest())


def ulid(now: float, fresh: bytes) -> str:
    """Make an id that sorts by time: 48 bits of milliseconds, then 80 fresh bits."""
    number = (int(now * 1000) << 80) | int.from_bytes(fresh[:ULID_BYTES], "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))
