"""The OAuth provider "Files Provider": an authorization server that follows the rules strictly.

Run it with `python -m local.services.provider --port 8403 --resource http://127.0.0.1:8404/mcp`.
"""

from __future__ import annotations

import argparse
import hmac
import json
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.services import provider_ledger as ledger_of
from local.services.exchange import DeadEnd, OAuthError, answer, body, form, fresh, need, parameters, redirect
from local.services.pages import dead_end, sign_in_page, stylesheet
from local.services.provider_clients import Client, Clients
from local.services.provider_control import Control
from local.services.provider_faults import Faults, fault_inside
from local.services.provider_identity import id_token
from local.services.provider_journal import Journal
from local.services.provider_ledger import Issued, Ledger, Lifetimes
from local.services.provider_manners import Manners
from local.services.provider_pages import consent_page
from local.services.provider_rules import Rules, client_of
from local.services.serving import LOOPBACK, serve
from local.services.visits import Visit, Visits, recognises

NAME = "Files Provider"
INTROSPECTION_SECRET = "local-introspection-secret"  # noqa: S105 - the default of an option, for one machine


class Provider:
    """The endpoints."""

    def __init__(
        self, rules: Rules, lifetimes: Lifetimes, introspection_secret: str, now: Callable[[], float] = time.time
    ) -> None:
        self._rules, self._introspection_secret = rules, introspection_secret
        self._now, self._clients = now, Clients(now, fresh)
        self._ledger = Ledger(lifetimes, now, fresh, rules.offline)
        self._journal, self._faults, self._manners = Journal(), Faults(), Manners()
        # Cookies do not tell ports apart: each service on this host needs a name of its own.
        self._visits: Visits[ledger_of.Request] = Visits(f"provider-{urlsplit(rules.issuer).port}", fresh)

    def app(self) -> Starlette:
        control = Control(self._ledger, self._clients, self._journal, self._faults, self._manners)
        routes = [
            Route("/.well-known/oauth-authorization-server", self.metadata),
            Route("/register", self._faults.around("register", self.register), methods=["POST"]),
            Route("/authorize", self._manners.around(self.authorize)),
            Route("/sign-in", self._manners.around(self.sign_in), methods=["POST"]),
            Route("/consent", self._manners.around(self.consent), methods=["POST"]),
            Route("/token", self._faults.around("token", self.token), methods=["POST"]),
            Route("/revoke", self._faults.around("revoke", self.revoke), methods=["POST"]),
            Route("/introspect", self.introspect, methods=["POST"]),
            Route("/style.css", stylesheet),
            *control.routes(),
        ]
        return Starlette(routes=routes)

    async def metadata(self, _request: Request) -> Response:
        self._journal.calls["metadata"] += 1
        return answer(self._rules.metadata())

    async def register(self, request: Request) -> Response:
        """Register a client that nobody here knows (RFC 7591 §3)."""
        self._journal.calls["register"] += 1
        try:
            return answer(self._clients.register(json.loads(await body(request))), 201)
        except OAuthError as refused:
            return refused.response()
        except ValueError:
            return OAuthError("invalid_client_metadata", "This is no JSON.").response()

    async def authorize(self, request: Request) -> Response:
        """Show the sign-in page or the consent page (RFC 6749 §4.1.1)."""
        self._journal.calls["authorize"] += 1
        try:
            given = parameters(request.url.query)
            client = client_of(given, self._clients)
        except (DeadEnd, OAuthError) as refused:
            return dead_end(str(refused))
        try:
            wanted = self._rules.accept(given, client)
        except OAuthError as refused:
            return self._send_back(given["redirect_uri"], given.get("state"), error=refused.code)
        known = self._visits.of(request)
        visit: Visit[ledger_of.Request] = known or Visit()
        response = self._ask(visit, self._visits.wait(visit, wanted))
        if known is None:
            self._visits.begin(response, visit)
        return response

    def _ask(self, visit: Visit[ledger_of.Request], name: str) -> Response:
        if visit.account is None:
            return sign_in_page(NAME, name)
        return consent_page(visit.waiting[name], visit.account, name)

    async def sign_in(self, request: Request) -> Response:
        """Take the sign-in form and go on to consent."""
        try:
            given, visit, name = await self._submitted(request)
        except (DeadEnd, OAuthError) as refused:
            return dead_end(str(refused))
        if not recognises(given.get("username", ""), given.get("password", "")):
            return sign_in_page(NAME, name, "Account or password is wrong.", 401)
        visit.account = given["username"]
        response = self._ask(visit, name)
        # A new id: whoever planted the old cookie in this browser must not be signed in with it.
        self._visits.begin(response, visit)
        return response

    async def consent(self, request: Request) -> Response:
        """Take the answer of the account's owner, and send it where the client wants it (RFC 6749 §4.1.2)."""
        try:
            given, visit, name = await self._submitted(request)
        except (DeadEnd, OAuthError) as refused:
            return dead_end(str(refused))
        if visit.account is None or given.get("decision") == "other":
            visit.account = None
            return self._ask(visit, name)
        wanted = visit.waiting.pop(name)
        if given.get("decision") != "allow":
            return self._send_back(wanted.redirect_uri, wanted.state, error="access_denied")
        return self._send_back(wanted.redirect_uri, wanted.state, code=self._ledger.allow(wanted, visit.account))

    async def _submitted(self, request: Request) -> tuple[dict[str, str], Visit[ledger_of.Request], str]:
        given, visit = await form(request), self._visits.of(request)
        name = given.get("request", "")
        if visit is None or name not in visit.waiting:
            raise DeadEnd("This form is no longer good. Begin again.")
        return given, visit, name

    def _send_back(self, uri: str, state: str | None, **outcome: str) -> Response:
        return redirect(uri, {**outcome, "state": state, "iss": self._rules.issuer})

    async def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token (RFC 6749 §3.2)."""
        self._journal.calls["token"] += 1
        given: dict[str, str] = {}
        client = None
        try:
            given = await form(request)
            client = self._clients.authenticate(request.headers.get("authorization"), given)
            issued = self._exchange(request, client, given)
        except OAuthError as refused:
            self._journal.token(given, client, refused.code)
            return refused.response()
        self._journal.token(given, client, issued)
        return answer({**_told(request, issued), **self._named(issued, client)})

    def _named(self, issued: Issued, client: Client) -> dict[str, str]:
        """Say who it is to whoever asked for that with the scope `openid`."""
        if issued.account is None:
            return {}
        return {"id_token": id_token(self._rules.issuer, issued.account, client.client_id, int(self._now()))}

    def _exchange(self, request: Request, client: Client, given: dict[str, str]) -> Issued:
        fault = fault_inside(request)
        match given.get("grant_type"):
            case "authorization_code":
                return self._ledger.redeem(client, given)
            case "refresh_token":
                return self._ledger.refresh(client, given, rotate=fault is None or fault.kind != "no_refresh_token")
            case _:
                raise OAuthError("unsupported_grant_type", "Use authorization_code or refresh_token.")

    async def revoke(self, request: Request) -> Response:
        """Take a token back (RFC 7009 §2). An unknown one is no error (§2.2)."""
        self._journal.calls["revoke"] += 1
        try:
            given = await form(request)
            client = self._clients.authenticate(request.headers.get("authorization"), given)
            need(given, ("token",))
            done = self._ledger.revoke(client, given["token"])
        except OAuthError as refused:
            return refused.response()
        self._journal.revocation(client, given["token"], done)
        return answer({})

    async def introspect(self, request: Request) -> Response:
        """Tell a resource server what an access token is worth (RFC 7662 §2)."""
        self._journal.calls["introspect"] += 1
        shown = request.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self._introspection_secret}".encode()):
            return OAuthError(
                "invalid_client", "Not a resource server.", 401, {"WWW-Authenticate": "Bearer"}
            ).response()
        try:
            given = await form(request)
            need(given, ("token",))
        except OAuthError as refused:
            return refused.response()
        return answer(self._ledger.look_into(given["token"], self._rules.issuer))


def _told(request: Request, issued: Issued) -> dict[str, object]:
    """Write the answer of the token endpoint (RFC 6749 §5.1), bent by a fault if one was ordered."""
    fault = fault_inside(request)
    told: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": " ".join(issued.scopes),
        "refresh_token": issued.refresh_token,
    }
    if fault and fault.kind == "expires_in":
        told["expires_in"] = fault.expires_in
    if fault and fault.kind == "no_refresh_token":
        told["refresh_token"] = None
    return {name: value for name, value in told.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local.services.provider", description=NAME)
    parser.add_argument("--port", type=int, default=8403)
    parser.add_argument("--issuer", help="default: http://127.0.0.1:PORT")
    parser.add_argument("--resource", action="append", default=[], help="an MCP server's URL; repeat; default: any")
    parser.add_argument("--access-token-seconds", type=int, default=3600)
    parser.add_argument("--refresh-token-seconds", type=int, default=30 * 24 * 3600)
    parser.add_argument("--code-seconds", type=int, default=60)
    parser.add_argument("--grace-seconds", type=int, default=0, help="how long a spent refresh token is still taken")
    parser.add_argument("--no-rotation", action="store_true", help="keep one refresh token for ever")
    parser.add_argument("--offline-access", action="store_true", help="refresh tokens only with scope offline_access")
    parser.add_argument("--introspection-secret", default=INTROSPECTION_SECRET)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    rules = Rules(chosen.issuer or f"http://{LOOPBACK}:{chosen.port}", tuple(chosen.resource), chosen.offline_access)
    lifetimes = Lifetimes(
        code=chosen.code_seconds,
        access=chosen.access_token_seconds,
        refresh=chosen.refresh_token_seconds,
        grace=chosen.grace_seconds,
        rotate=not chosen.no_rotation,
    )
    return serve(Provider(rules, lifetimes, chosen.introspection_secret).app(), chosen.port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
