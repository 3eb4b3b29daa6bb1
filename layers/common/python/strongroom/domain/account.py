"""Who a connection is at its provider, as the answer to the code tells it. For people to read: it decides nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from strongroom.domain.answer_fields import LONGEST_TOKEN
from strongroom.domain.catalog import Reading
from strongroom.domain.errors import ProviderFailed
from strongroom.domain.http import Answer, Reply
from strongroom.domain.json_document import JsonObject, JsonValue, json_document

LONGEST_ACCOUNT = 128
CLAIMS = ("email", "preferred_username")

_SIGNED = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")


def account_told(answer: Answer, reading: Reading, issuer: str, client_id: str) -> str | None:
    """Read the account from an answer that has brought tokens; None if it does not tell, or not in a form that can be shown.

    The claims of an ID token come first, then the member that the catalog names (`reading.account`). Whatever an answer
    holds, this ends without an error: the tokens beside it are good.
    """
    document = _document(answer)
    claims = _claims(document.get("id_token"), issuer, client_id)
    told = (*(claims.get(name) for name in CLAIMS), _at(document, reading.account))
    return next((text for text in map(shown_account, told) if text is not None), None)


def shown_account(value: JsonValue) -> str | None:
    """A text that a list can show on one line: 1 to 128 printable characters, none that is invisible or turns the direction
    of what stands around it (Unicode categories C and Z, all but the space). Else None. Markup is such a text."""
    if not isinstance(value, str) or len(value) > LONGEST_ACCOUNT or not value.isprintable():
        return None
    return value.strip() or None


def _claims(token: JsonValue, issuer: str, client_id: str) -> JsonObject:
    """The claims of an ID token of this issuer for us; none of another one, and none of what is no signed JWT.

    It came from the token endpoint over TLS, so that its signature may go unchecked (OpenID Connect Core §3.1.3.7, point 6).
    Nobody is signed in by it: when it ends is of no interest.
    """
    match = _SIGNED.fullmatch(token) if isinstance(token, str) and len(token) <= LONGEST_TOKEN else None
    if match is None:
        return {}
    try:
        claims = json_document(base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
    except (ValueError, ProviderFailed):
        return {}
    return claims if claims.get("iss") == issuer and _is_for(client_id, claims) else {}


def _is_for(client_id: str, claims: JsonObject) -> bool:
    """Whether the audience names us, and nobody else is the authorized party (points 3 and 5)."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    return client_id in named and claims.get("azp", client_id) == client_id


def _at(document: JsonObject, way: tuple[str, ...]) -> JsonValue:
    found: JsonValue = document
    for name in way:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _document(answer: Answer) -> JsonObject:
    try:
        return json_document(answer.body, odd_numbers_are_null=True) if isinstance(answer, Reply) else {}
    except ProviderFailed:
        return {}
