"""The clients of the provider: registration (RFC 7591) and authentication (RFC 6749 §2.3)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_plus

from local.services.exchange import OAuthError, may_be_redirect_uri

METHODS = ("none", "client_secret_post", "client_secret_basic")
GRANT_TYPES = frozenset({"authorization_code", "refresh_token"})
MOST_REDIRECT_URIS = 10
MOST_NAME = 200
# Characters that Basic needs form-encoded first (RFC 6749 §2.3.1): a client that forgets it is found out.
AWKWARD = "+/:%"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; a public one has no secret. `older`: secrets from before it that are taken all the same."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    method: str
    grant_types: tuple[str, ...]
    registered_at: int
    secret: str | None = field(default=None, repr=False)
    older: tuple[str, ...] = field(default=(), repr=False)

    def has(self, secret: str) -> bool:
        """Whether this is one of its secrets; a public client has the empty one."""
        taken = (self.secret or "", *self.older)
        return any(hmac.compare_digest(one.encode(), secret.encode()) for one in taken)


class Clients:
    """All registrations, in memory."""

    def __init__(self, now: Callable[[], float], fresh: Callable[[], str]) -> None:
        self._now, self._fresh = now, fresh
        self._clients: dict[str, Client] = {}

    def all(self) -> Sequence[Client]:
        return list(self._clients.values())

    def find(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def forget(self, client_id: str) -> bool:
        """Drop a registration, as providers do now and then. From now on its client is answered `invalid_client`."""
        return self._clients.pop(client_id, None) is not None

    def register(self, metadata: object) -> dict[str, object]:
        """Register a client and answer with what it has to know (RFC 7591 §3.2.1).

        Raises:
            OAuthError: If the metadata cannot be taken (§3.2.2).
        """
        if not isinstance(metadata, dict):
            raise OAuthError("invalid_client_metadata", "Send a JSON object.")
        method = _method(metadata)
        client = Client(
            client_id=f"files-{self._fresh()[:16]}",
            name=_name(metadata),
            redirect_uris=_redirect_uris(metadata),
            method=method,
            grant_types=_grant_types(metadata),
            registered_at=int(self._now()),
            secret=None if method == "none" else self._fresh() + AWKWARD,
        )
        self._clients[client.client_id] = client
        return _registration(client)

    def enter(self, redirect_uri: str, method: str, name: str) -> dict[str, object]:
        """Register a confidential client as a person does in a provider's settings: the answer is what they write down.

        Raises:
            OAuthError: If the method needs no secret, or the rest is not what `register` takes.
        """
        if method == "none":
            raise OAuthError("invalid_request", "A client that is entered has a secret.")
        wanted = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": method, "client_name": name}
        return self.register({**wanted, "grant_types": sorted(GRANT_TYPES)})

    def rotate(self, client_id: str, *, end_old: bool) -> str:
        """Make another secret for a client, and give it; those from before stay good, unless they are ended at once.

        Raises:
            OAuthError: If there is no such client, or it has no secret.
        """
        client = self._confidential(client_id)
        made = self._fresh() + AWKWARD
        older = () if end_old else (*client.older, client.secret or "")
        self._clients[client_id] = replace(client, secret=made, older=older)
        return made

    def end_old(self, client_id: str) -> int:
        """End all secrets of a client but the newest one, and tell how many those were.

        Raises:
            OAuthError: As `rotate`.
        """
        client = self._confidential(client_id)
        self._clients[client_id] = replace(client, older=())
        return len(client.older)

    def _confidential(self, client_id: str) -> Client:
        client = self._clients.get(client_id)
        if client is None or client.secret is None:
            raise OAuthError("invalid_request", "client_id is that of a client with a secret.")
        return client

    def authenticate(self, authorization: str | None, given: Mapping[str, str]) -> Client:
        """Find out which client sent a request to the token or revocation endpoint.

        It has to use the method that it registered, and only that one (RFC 6749 §2.3). With Basic nothing about the
        client may stand in the body as well, as some providers demand.

        Raises:
            OAuthError: If it does not prove who it is.
        """
        if authorization is not None:
            if "client_id" in given or "client_secret" in given:
                raise OAuthError("invalid_request", "Authenticate in one way only.")
            client_id, secret = _basic(authorization)
            return self._proven(client_id, secret, "client_secret_basic")
        used = "client_secret_post" if "client_secret" in given else "none"
        return self._proven(given.get("client_id", ""), given.get("client_secret", ""), used)

    def _proven(self, client_id: str, secret: str, used: str) -> Client:
        client = self._clients.get(client_id)
        if client and client.method == used and client.has(secret):
            return client
        raise _unknown_client()


def _unknown_client() -> OAuthError:
    return OAuthError("invalid_client", "Unknown client.", 401, {"WWW-Authenticate": 'Basic realm="Files Provider"'})


def _basic(authorization: str) -> tuple[str, str]:
    """Read Basic credentials: each half is form-encoded (RFC 6749 §2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as broken:
        raise _unknown_client() from broken
    identifier, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _unknown_client()
    return unquote_plus(identifier), unquote_plus(secret)


def _method(metadata: Mapping[str, object]) -> str:
    method = metadata.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in METHODS:
        raise OAuthError("invalid_client_metadata", "Unknown token_endpoint_auth_method.")
    return method


def _name(metadata: Mapping[str, object]) -> str:
    name = metadata.get("client_name", "A client without a name")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME:
        raise OAuthError("invalid_client_metadata", "client_name is no short text.")
    return name


def _redirect_uris(metadata: Mapping[str, object]) -> tuple[str, ...]:
    uris = metadata.get("redirect_uris")
    if not isinstance(uris, list) or not 0 < len(uris) <= MOST_REDIRECT_URIS:
        raise OAuthError("invalid_redirect_uri", "Send one to ten redirect_uris.")
    if not all(may_be_redirect_uri(uri) for uri in uris):
        raise OAuthError("invalid_redirect_uri", "Only https, or http on loopback, without a fragment.")
    return tuple(uris)


def _grant_types(metadata: Mapping[str, object]) -> tuple[str, ...]:
    types = metadata.get("grant_types", ["authorization_code"])
    if not isinstance(types, list) or "authorization_code" not in types:
        raise OAuthError("invalid_client_metadata", "grant_types has to name authorization_code.")
    if metadata.get("response_types", ["code"]) != ["code"]:
        raise OAuthError("invalid_client_metadata", "Only the response type code.")
    return tuple(sorted(GRANT_TYPES.intersection(kind for kind in types if isinstance(kind, str))))


def _registration(client: Client) -> dict[str, object]:
    known: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": client.registered_at,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.method,
        "grant_types": list(client.grant_types),
        "response_types": ["code"],
    }
    return known if client.secret is None else {**known, "client_secret": client.secret, "client_secret_expires_at": 0}
