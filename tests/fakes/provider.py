"""An OAuth provider and an MCP server behind it, in memory, as honest as they come: rotation, reuse detection, PKCE."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from strongroom.domain.authorization_request import code_challenge
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.egress import FakeEgress


@dataclass
class Grant:
    """What one account allowed. `tokens` are alive; `spent` refresh tokens betray a thief."""

    account: str
    scope: str
    alive: bool = True
    access: str = ""
    refresh: str = ""
    spent: set[str] = field(default_factory=set)


@dataclass
class FakeProvider:
    """Answers at `issuer`. `lifetime` None: `expires_in` is left out. `rotates` False: the refresh token stays."""

    clock: FakeClock
    issuer: str = "https://provider.example"
    lifetime: int | None = 3600
    rotates: bool = True
    gives_refresh: bool = True
    metadata: dict[str, object] = field(default_factory=dict)
    clients: dict[str, dict[str, object]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    answer_next: list[Callable[[Outgoing], Answer]] = field(default_factory=list)
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
        """Play the consent page: give the URL that the browser is sent to."""
        asked = dict(parse_qsl(urlsplit(authorization_url).query))
        back = {"state": asked["state"], "iss": self.issuer}
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

    def _fresh(self, what: str) -> str:
        self._serial += 1
        return f"{what}-{hashlib.sha256(f'{self.issuer}{what}{self._serial}'.encode()).hexdigest()}"

    def _register(self, request: Outgoing) -> Answer:
        asked = json.loads(request.body.reveal()) if request.body else {}
        made: dict[str, object] = {**asked, "client_id": self._fresh("client")}
        if asked["token_endpoint_auth_method"] != "none":
            made |= {"client_secret": self._fresh("secret"), "client_secret_expires_at": 0}
        self.clients[str(made["client_id"])] = made
        return _json(201, made)

    def _token(self, request: Outgoing) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.reveal() if request.body else "").items()}
        self.token_requests.append(form)
        if self.answer_next:
            return self.answer_next.pop(0)(request)
        return self.honest(request)

    def honest(self, request: Outgoing) -> Answer:
        """What the token endpoint does when nothing goes wrong."""
        form = {name: values[0] for name, values in parse_qs(request.body.reveal() if request.body else "").items()}
        return self._exchange(form) if form["grant_type"] == "authorization_code" else self._refresh(form)

    def _exchange(self, form: dict[str, str]) -> Answer:
        asked = self.codes.pop(form["code"], None)
        if asked is None or code_challenge(Secret(form["code_verifier"])) != asked["code_challenge"]:
            return _json(400, {"error": "invalid_grant"})
        if form["redirect_uri"] != asked["redirect_uri"] or form.get("resource") != asked.get("resource"):
            return _json(400, {"error": "invalid_grant"})
        grant = Grant(asked["account"], asked.get("scope", ""))
        self.grants.append(grant)
        return self._issue(grant)

    def _refresh(self, form: dict[str, str]) -> Answer:
        for grant in self.grants:
            if form["refresh_token"] in grant.spent:
                grant.alive = False
            if grant.alive and form["refresh_token"] == grant.refresh:
                return self._issue(grant)
        return _json(400, {"error": "invalid_grant"})

    def _issue(self, grant: Grant) -> Answer:
        grant.access = self._fresh("access")
        if self.rotates or not grant.refresh:
            grant.spent |= {grant.refresh} if grant.refresh else set()
            grant.refresh = self._fresh("refresh")
        body: dict[str, object] = {"access_token": grant.access, "token_type": "Bearer", "scope": grant.scope}
        body |= {"refresh_token": grant.refresh} if self.gives_refresh else {}
        body |= {"expires_in": self.lifetime} if self.lifetime is not None else {}
        return _json(200, body)

    def _revoke(self, request: Outgoing) -> Answer:
        form = dict(parse_qsl(request.body.reveal() if request.body else ""))
        self.revoked.append(form["token"])
        for grant in self.grants:
            grant.alive = grant.alive and form["token"] not in {grant.refresh, grant.access}
        return Reply(200, {}, b"")


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
