"""The users' sign-in service: a small OpenID provider.

Run it with `python -m local.services.signin --port 8402 --redirect-uri http://127.0.0.1:8400/connections/signed-in
--web-origin http://127.0.0.1:8400`; a page on another origin takes another pair of the two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.services.exchange import DeadEnd, OAuthError, answer, form, fresh, parameters, redirect
from local.services.pages import dead_end, sign_in_page, stylesheet
from local.services.serving import LOOPBACK, serve
from local.services.signin_flow import (
    SCOPES,
    Codes,
    SignInRequest,
    accept_request,
    audience_of,
    redirect_uri_of,
    scopes_of,
)
from local.services.signin_tokens import API_AUDIENCE, WEB_CLIENT, SigningKey, Subject, access_claims, identity_claims
from local.services.visits import Visit, Visits, recognises

NAME = "The sign-in service"
TERMINAL_CLIENT = "strongroom-terminal"


@dataclass(frozen=True, slots=True)
class Settings:
    """`issuer` is also our own origin; redirect URIs and origins are those of the pages where people connect.

    `resources` are services that people at a terminal may get a token for, beside Strongroom's API.
    """

    issuer: str
    redirect_uris: tuple[str, ...] = ()
    web_origins: tuple[str, ...] = ()
    access_token_seconds: int = 3600
    resources: tuple[str, ...] = ()


class SignIn:
    """The endpoints."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._settings, self._now = settings, now
        self._key = SigningKey(fresh()[:8])
        self._codes = Codes(now, fresh)
        # Cookies do not tell ports apart: each service on this host needs a name of its own.
        self._visits: Visits[SignInRequest] = Visits(f"signin-{urlsplit(settings.issuer).port}", fresh)

    def app(self) -> Starlette:
        cors = Middleware(CORSMiddleware, allow_origins=list(self._settings.web_origins), allow_methods=["GET", "POST"])
        routes = [
            Route("/.well-known/openid-configuration", self.metadata),
            Route("/jwks.json", self.keys),
            Route("/authorize", self.authorize),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/style.css", stylesheet),
        ]
        return Starlette(routes=routes, middleware=[cors])

    async def metadata(self, _request: Request) -> Response:
        """Describe ourselves (OpenID Connect Discovery §3)."""
        issuer = self._settings.issuer
        return answer(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/jwks.json",
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "password"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def keys(self, _request: Request) -> Response:
        return answer(self._key.published())

    async def authorize(self, request: Request) -> Response:
        """Sign the browser in, silently if it has a session (OpenID Connect Core §3.1.2)."""
        try:
            given = parameters(request.url.query)
            back = redirect_uri_of(given, self._settings.redirect_uris)
        except (DeadEnd, OAuthError) as refused:
            return dead_end(str(refused))
        try:
            wanted = accept_request(given, back)
        except OAuthError as refused:
            return self._send_back(back, given.get("state"), error=refused.code)
        visit = self._visits.of(request)
        if visit and visit.account and wanted.prompt != "login":
            return self._with_code(wanted, visit.account, visit.since)
        if wanted.prompt == "none":
            return self._send_back(back, wanted.state, error="login_required")
        return self._ask(wanted, visit)

    def _ask(self, wanted: SignInRequest, known: Visit[SignInRequest] | None) -> Response:
        visit: Visit[SignInRequest] = known or Visit()
        response = sign_in_page("Strongroom's sign-in service", self._visits.wait(visit, wanted))
        if known is None:
            self._visits.begin(response, visit)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Take the sign-in form."""
        try:
            given = await form(request)
        except OAuthError as refused:
            return dead_end(str(refused))
        visit, name = self._visits.of(request), given.get("request", "")
        if visit is None or name not in visit.waiting:
            return dead_end("This form is no longer good. Begin again.")
        if not recognises(given.get("username", ""), given.get("password", "")):
            return sign_in_page("Strongroom's sign-in service", name, "Account or password is wrong.", 401)
        wanted = visit.waiting.pop(name)
        visit.account, visit.since = given["username"], int(self._now())
        response = self._with_code(wanted, visit.account, visit.since)
        # A new id: whoever planted the old cookie in this browser must not be signed in with it.
        self._visits.begin(response, visit)
        return response

    def _with_code(self, wanted: SignInRequest, account: str, since: int) -> Response:
        return self._send_back(wanted.redirect_uri, wanted.state, code=self._codes.issue(wanted, account, since))

    def _send_back(self, uri: str, state: str | None, **outcome: str) -> Response:
        return redirect(uri, {**outcome, "state": state, "iss": self._settings.issuer})

    async def token(self, request: Request) -> Response:
        """Exchange a code, or for people at a terminal an account and its password."""
        try:
            given = await form(request)
            match given.get("grant_type"):
                case "authorization_code":
                    wanted, account, since = self._codes.redeem(given)
                    return self._issue(Subject(account, WEB_CLIENT, wanted.scopes, since), wanted.nonce)
                case "password":
                    return self._issue(self._at_terminal(given), None)
                case _:
                    raise OAuthError("unsupported_grant_type", "Use authorization_code or password.")
        except OAuthError as refused:
            return refused.response()

    def _at_terminal(self, given: dict[str, str]) -> Subject:
        if not recognises(given.get("username", ""), given.get("password", "")):
            raise OAuthError("invalid_grant", "Account or password is wrong.")
        client = given.get("client_id", TERMINAL_CLIENT)
        if client not in (TERMINAL_CLIENT, WEB_CLIENT):
            raise OAuthError("invalid_client", "Unknown client.", 401)
        audience = audience_of(given, self._settings.resources)
        scopes = scopes_of(given) if audience == API_AUDIENCE else ()
        return Subject(given["username"], client, scopes, int(self._now()), audience)

    def _issue(self, subject: Subject, nonce: str | None) -> Response:
        issuer, seconds, now = self._settings.issuer, self._settings.access_token_seconds, int(self._now())
        tokens: dict[str, object] = {
            "access_token": self._key.sign(access_claims(issuer, subject, now, seconds, fresh()), "at+jwt"),
            "token_type": "Bearer",
            "expires_in": seconds,
            "scope": " ".join(subject.scopes),
        }
        if "openid" in subject.scopes:
            tokens["id_token"] = self._key.sign(identity_claims(issuer, subject, now, seconds, nonce), "JWT")
        return answer(tokens)


def _options(arguments: Sequence[str] | None) -> tuple[int, Settings]:
    parser = argparse.ArgumentParser(prog="local.services.signin", description=NAME)
    parser.add_argument("--port", type=int, default=8402)
    parser.add_argument("--issuer", help="default: http://127.0.0.1:PORT")
    parser.add_argument("--redirect-uri", action="append", default=[], help="of the web client; repeat for several")
    parser.add_argument("--web-origin", action="append", default=[], help="may call us from a page; repeat for several")
    parser.add_argument("--access-token-seconds", type=int, default=3600)
    parser.add_argument("--resource", action="append", default=[], help="another service that tokens may be for")
    chosen = parser.parse_args(arguments)
    issuer = chosen.issuer or f"http://{LOOPBACK}:{chosen.port}"
    settings = Settings(
        issuer,
        tuple(chosen.redirect_uri),
        tuple(chosen.web_origin),
        chosen.access_token_seconds,
        tuple(chosen.resource),
    )
    return chosen.port, settings


def main(arguments: Sequence[str] | None = None) -> int:
    port, settings = _options(arguments)
    return serve(SignIn(settings).app(), port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
