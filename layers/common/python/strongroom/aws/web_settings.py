"""What the Connections page is told by its operator: public values, which reach every browser that opens it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.aws.settings import Settings, wrong
from strongroom.domain.own_parameters import OWN_PARAMETERS
from strongroom.domain.web_url import web_url

_CLIENT_ID = re.compile(r"[!-~]{1,255}", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]{1,255}", re.ASCII)
_PARAMETER = re.compile(r"([A-Za-z0-9_.-]{1,64})=([!-+\--~]{1,512})", re.ASCII)
# RFC 8707: some sign-in services are told by it for which API the token is.
_NOT_OURS = frozenset({"resource"})


@dataclass(frozen=True, slots=True)
class PageSettings:
    """`origin` is that of the API, and the page's own. Without a `client_id` there is no page here.

    `parameters` are added to the request that signs somebody in. `sign_in_origins` is where the sign-in service's
    endpoints are: its issuer's origin, and those that the operator has listed.
    """

    origin: str
    issuer: str
    client_id: str
    scope: str
    parameters: Mapping[str, str]
    sign_in_origins: tuple[str, ...]

    def document(self) -> str:
        """Write what the page reads, as JSON."""
        told = {
            "origin": self.origin,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "scope": self.scope,
            "parameters": dict(self.parameters),
        }
        return json.dumps(told, separators=(",", ":"))


def page_settings(settings: Settings) -> PageSettings:
    """Read them.

    Raises:
        SettingsError: With what to set.
    """
    issuer = settings.issuer
    listed = settings.origins("SIGN_IN_ORIGINS")
    return PageSettings(
        origin=settings.public_url,
        issuer=issuer,
        client_id=_client_id(settings.optional("WEB_CLIENT_ID")),
        scope=" ".join((_scope("SCOPE", settings.text("SCOPE")), *_scopes(settings.optional("SIGN_IN_SCOPES")))),
        parameters=_parameters(settings.optional("SIGN_IN_PARAMETERS")),
        sign_in_origins=tuple(dict.fromkeys((_origin_of(issuer), *listed))),
    )


def _origin_of(issuer: str) -> str:
    url = web_url(issuer, loopback=True)
    if url is None:
        raise wrong("ISSUER", issuer, "an https URL, such as https://login.example.com")
    return url.origin


def _client_id(text: str) -> str:
    if text and not _CLIENT_ID.fullmatch(text):
        raise wrong(
            "WEB_CLIENT_ID", text, "the page's client id at the sign-in service: at most 255 visible characters"
        )
    return text


def _scope(name: str, text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise wrong(name, text, "one scope (RFC 6749 section 3.3)")
    return text


def _scopes(text: str) -> list[str]:
    return [_scope("SIGN_IN_SCOPES", one) for one in text.split()]


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = _PARAMETER.fullmatch(item)
        if match is None or match[1] in found or _is_ours(match[1]):
            wanted = "name=value pairs, each name once and none that the sign-in sets itself, such as audience=my-api"
            raise wrong("SIGN_IN_PARAMETERS", item, wanted)
        found[match[1]] = match[2]
    return found


def _is_ours(name: str) -> bool:
    """Whether the page sets it itself: what OAuth uses, and the scope, which has a setting of its own."""
    return name.lower() in OWN_PARAMETERS - _NOT_OURS or "scope" in name.lower()
