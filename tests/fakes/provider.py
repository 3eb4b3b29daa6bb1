"""An OAuth provider and an MCP server behind it, in memory, as honest as they come: clients that prove who they are,
rotation, reuse detection, PKCE."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import jwt

from strongroom.domain.authorization_request import code_challenge
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.egress import FakeEgress

READS_DOCUMENTS: dict[str, object] = {
    "client_id_metadata_document_supported": True,
    "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "none"],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
}
"""Metadata of a provider that knows clients by their documents, and takes signatures."""


@dataclass
class Grant:
    """What one account allowed one client. `access` and `refresh` are alive since `issued_at`; `spent` refresh tokens betray
    a thief, except the one that was spent `last`, in a grace window after that."""

    account: str
    client: str
    scope: str
    alive: bool = True
    access: str = ""
    refresh: str = ""
    spent: set[str] = field(default_factory=set)
    last: str = ""
    issued_at: float = 0


class SendsNobodyThere(Exception):
    """The redirect URI is not one of the client's (RFC 9700 §4.1.3)."""


@dataclass
class FakeProvider:
    """Answers at `issuer`. `lifetime` None: `expires_in` is left out. `rotates` False: the refresh token stays.

    `grace`: for so many seconds the refresh token that was spent last is answered with the present tokens once more.
    `detects_reuse` False: another spent one is refused, and the grant lives on.

    `clients` are those that have registered. `documents` are client metadata documents by their URL: this provider fetches
    nothing, whoever tests gives it what it would have read. `older` are secrets of a client that are taken beside its
    present one. `forgets_spent`: to revoke a token that was spent ends nothing (RFC 7009 §2.2).
    `ends_whole_grants`: to revoke one token ends all that its account has allowed. `names_accounts`: every answer with
    tokens holds an ID token, with an e-mail address made of the account.
    """

    clock: FakeClock
    issuer: str = "https://provider.example"
    lifetime: int | None = 3600
    rotates: bool = True
    grace: float = 0
    detects_reuse: bool = True
    gives_refresh: bool = True
    metadata: dict[str, object] = field(default_factory=dict)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    older: dict[str, set[str]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    forgets_spent: bool = False
    ends_whole_grants: bool = False
    names_accounts: bool = False
    revoked: list[str] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    answer_next: list[Callable[[Outgoing], Answer]] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)
    _serial: int = 0

    def serve(self, egress: FakeEgress) -> None:
        """Take the addresses of this provider."""
        where = self.issuer
        egress.on("GET", f"{where}/.well-known/oauth-authorization-server", lambda _: _json(200, self.document()))
        egress.on("POST", f"{where}/register", self._register)
        egress.on("POST", f"{where}/token", self._token)
        egress.on("POST", f"{where}/revoke", self._revoke)

    def document(self) -> dict[str, object]:
        where = self.issuer
        return {
            "issuer": where,
            "authorization_endpoint": f"{where}/authorize",
            "token_endpoint": f"{where}/token",
            "registration_endpoint": f"{where}/register",
            "revocation_endpoint": f"{where}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": ["files"],
            **self.metadata,
        }

    def consent(self, authorization_url: str, account: str, *, error: str | None = None) -> str:
        """Play the consent page: give the URL that the browser is sent to.

        Raises:
            SendsNobodyThere: If the client's document does not name the redirect URI.
        """
        asked = dict(parse_qsl(urlsplit(authorization_url).query))
        document = self.documents.get(asked["client_id"], {})
        if asked["redirect_uri"] not in document.get("redirect_uris", [asked["redirect_uri"]]):
            raise SendsNobodyThere
        back = {"state": asked["state"], **({"iss": self.issuer} if self._names_itself else {})}
        if error is not None:
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': error})}"
        code = self._fresh("code")
        self.codes[code] = {**asked, "account": account}
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}"

    def account_of(self, access_token: str) -> str | None:
        return next((grant.account for grant in self.grants if grant.alive and grant.access == access_token), None)

    def withdraw(self, account: str) -> None:
        """Let a person take back all that they allowed."""
        for grant in self.grants:
            grant.alive = grant.alive and grant.account != account

    @property
    def _names_itself(self) -> bool:
        return self.document()["authorization_response_iss_parameter_supported"] is True

    def _fresh(self, what: str) -> str:
        self._serial += 1
        return f"{what}-{hashlib.sha256(f'{self.issuer}{what}{self._serial}'.encode()).hexdigest()}"

    def _register(self, request: Outgoing) -> Answer:
        asked = json.loads(request.body.reveal()) if request.body else {}
        made: dict[str, Any] = {**asked, "client_id": self._fresh("client")}
        if asked["token_endpoint_auth_method"] != "none":
            made |= {"client_secret": self._fresh("secret"), "client_secret_expires_at": 0}
        self.clients[str(made["client_id"])] = made
        return _json(201, made)

    def _token(self, request: Outgoing) -> Answer:
        self.token_requests.append(_form(request))
        if self.answer_next:
            return self.answer_next.pop(0)(request)
        return self.honest(request)

    def honest(self, request: Outgoing) -> Answer:
        """What the token endpoint does when nothing goes wrong."""
        form, client = _form(request), self.authenticated(request)
        if client is None:
            return _json(401, {"error": "invalid_client"})
        return (
            self._exchange(form, client) if form["grant_type"] == "authorization_code" else self._refresh(form, client)
        )

    def authenticated(self, request: Outgoing) -> str | None:
        """Who sent this, if it proves that it is: by the method that it registered, or that its document names."""
        form, header = _form(request), request.headers.get("authorization")
        shown: dict[str, Any] = {"token_endpoint_auth_method": "none", "client_id": form.get("client_id")}
        if header is not None:
            pair = base64.b64decode(header.reveal().removeprefix("Basic ")).decode().split(":")
            shown = dict(zip(("client_id", "client_secret"), map(unquote_plus, pair), strict=True))
            shown["token_endpoint_auth_method"] = "client_secret_basic"
        elif "client_secret" in form:
            shown = {"token_endpoint_auth_method": "client_secret_post", **form}
        elif "client_assertion" in form:
            return self._signed(form["client_assertion"])
        known = {**self.documents, **self.clients}.get(shown["client_id"], {})
        if shown.get("client_secret") in self.older.get(str(shown["client_id"]), ()):
            shown["client_secret"] = known.get("client_secret")
        proven = ("client_id", "client_secret", "token_endpoint_auth_method")
        return shown["client_id"] if known and all(known.get(name) == shown.get(name) for name in proven) else None

    def _signed(self, assertion: str) -> str | None:
        """Verify an assertion (RFC 7523 §3): by a key of the document, for this server alone, for a minute, once."""
        client = str(jwt.decode(assertion, options={"verify_signature": False}).get("sub"))
        document = self.documents.get(client, {})
        keys = {key["kid"]: key for key in document.get("jwks", {"keys": []})["keys"]}
        key = keys.get(jwt.get_unverified_header(assertion)["kid"])
        if key is None or document["token_endpoint_auth_method"] != "private_key_jwt":
            return None
        untimed: Any = {"verify_exp": False, "verify_iat": False, "require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
        try:
            said = jwt.decode(
                assertion, jwt.PyJWK(key).key, ["ES256"], audience=self.issuer, issuer=client, options=untimed
            )
        except jwt.InvalidTokenError:
            return None
        now, fresh = self.clock.now(), said["jti"] not in self._used
        self._used.add(said["jti"])
        timely = said["iat"] <= now < said["exp"] <= said["iat"] + 60
        return client if fresh and timely and said["aud"] == self.issuer else None

    def _exchange(self, form: dict[str, str], client: str) -> Answer:
        asked = self.codes.pop(form["code"], None)
        if (
            asked is None
            or client != asked["client_id"]
            or code_challenge(Secret(form["code_verifier"])) != asked["code_challenge"]
        ):
            return _json(400, {"error": "invalid_grant"})
        if form["redirect_uri"] != asked["redirect_uri"] or form.get("resource") != asked.get("resource"):
            return _json(400, {"error": "invalid_grant"})
        grant = Grant(asked["account"], client, asked.get("scope", ""))
        self.grants.append(grant)
        return self._issue(grant)

    def _refresh(self, form: dict[str, str], client: str) -> Answer:
        token = form["refresh_token"]
        for grant in (grant for grant in self.grants if grant.client == client):
            if grant.alive and self._still_forgives(grant, token):
                return self._issued(grant)
            if token in grant.spent and self.detects_reuse:
                grant.alive = False
            if grant.alive and token == grant.refresh:
                return self._issue(grant)
        return _json(400, {"error": "invalid_grant"})

    def _still_forgives(self, grant: Grant, token: str) -> bool:
        return token == grant.last and self.clock.now() < grant.issued_at + self.grace

    def _issue(self, grant: Grant) -> Answer:
        grant.access, grant.issued_at = self._fresh("access"), self.clock.now()
        if self.rotates or not grant.refresh:
            grant.spent |= {grant.refresh} if grant.refresh else set()
            grant.last, grant.refresh = grant.refresh, self._fresh("refresh")
        return self._issued(grant)

    def _issued(self, grant: Grant) -> Answer:
        body: dict[str, object] = {"access_token": grant.access, "token_type": "Bearer", "scope": grant.scope}
        body |= {"refresh_token": grant.refresh} if self.gives_refresh else {}
        body |= {"id_token": self.id_token(grant)} if self.names_accounts else {}
        if self.lifetime is not None:
            body["expires_in"] = self.lifetime - int(self.clock.now() - grant.issued_at)
        return _json(200, body)

    def id_token(self, grant: Grant) -> str:
        """Say who has allowed it (OpenID Connect Core §2); nobody here checks a signature."""
        claims = {
            "iss": self.issuer,
            "aud": grant.client,
            "sub": grant.account,
            "email": f"{grant.account}@files.example",
        }
        return jwt.encode(claims, key="", algorithm="none")

    def _revoke(self, request: Outgoing) -> Answer:
        form = _form(request)
        if self.authenticated(request) is None:
            return _json(401, {"error": "invalid_client"})
        self.revoked.append(form["token"])
        for grant in self.grants:
            spent = () if self.forgets_spent else grant.spent
            if form["token"] in {grant.refresh, grant.access, *spent}:
                grant.alive = False
                if self.ends_whole_grants:
                    self.withdraw(grant.account)
        return Reply(200, {}, b"")


def _form(request: Outgoing) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.reveal() if request.body else "").items()}


def serve_mcp(egress: FakeEgress, url: str, issuer: str, resource: str | None = None) -> None:
    """Let an MCP server answer 401 at this URL and name its authorization server (RFC 9728)."""
    parts = urlsplit(url)
    metadata = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"
    challenge = f'Bearer resource_metadata="{metadata}", scope="files"'
    egress.on("POST", url, lambda _: Reply(401, {"www-authenticate": (challenge,)}, b""))
    document = {"resource": resource or url, "authorization_servers": [issuer], "scopes_supported": ["files"]}
    egress.on("GET", metadata, lambda _: _json(200, document))


def _json(status: int, document: object) -> Reply:
    return Reply(status, {"content-type": ("application/json",)}, json.dumps(document).encode())
