"""What the operator has set, read once at start. A missing or wrong setting stops the start with a sentence."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from strongroom.domain.errors import SettingsError
from strongroom.domain.policy import Policy

PREFIX = "STRONGROOM_"
LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, as a lookup that explains itself. A function reads only what it uses."""

    environment: Mapping[str, str]

    def text(self, name: str) -> str:
        """Raises: SettingsError: if it is not set."""
        value = self.environment.get(PREFIX + name, "").strip()
        if not value:
            raise SettingsError(f"{PREFIX}{name} is not set: set it to {_MEANINGS.get(name, 'a value')}.")
        return value

    def number(self, name: str, usual: int) -> int:
        """Raises: SettingsError: if it is not a whole number above zero."""
        text = self.environment.get(PREFIX + name, "").strip() or str(usual)
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise SettingsError(f"{PREFIX}{name} is {text!r}: set it to a whole number above zero.")
        return int(text)

    @property
    def deployment(self) -> str:
        return self.text("DEPLOYMENT")

    @property
    def issuer(self) -> str:
        return self.text("ISSUER")

    @property
    def development(self) -> bool:
        """Whether http to loopback is permitted: on a developer's machine, and never with a public URL elsewhere."""
        value = self.environment.get(f"{PREFIX}DEVELOPMENT", "").strip()
        if value and value != LOOPBACK:
            raise SettingsError(f"{PREFIX}DEVELOPMENT is {value!r}: set it to {LOOPBACK!r} or remove it.")
        if value and not _is_loopback(self.environment.get(f"{PREFIX}PUBLIC_URL", "")):
            raise SettingsError(f"{PREFIX}DEVELOPMENT goes with a {PREFIX}PUBLIC_URL on loopback only: remove it.")
        return bool(value)

    def policy(self) -> Policy:
        """Give the policy of a function that answers people or satellites.

        Raises:
            SettingsError: With what to set.
        """
        loopback = self.development
        return replace(
            self.background_policy(),
            web_client_url=_page("WEB_CLIENT_URL", self.text("WEB_CLIENT_URL"), loopback),
            web_origins=self._origins(loopback),
        )

    def background_policy(self) -> Policy:
        """Give the policy of a worker: it sends nobody anywhere, but must know our own host, to keep away from it.

        Raises:
            SettingsError: With what to set.
        """
        loopback = self.development
        usual = Policy(public_url="", web_client_url="")
        return Policy(
            public_url=_origin("PUBLIC_URL", self.text("PUBLIC_URL"), loopback),
            web_client_url="",
            renew_ahead=self.number("RENEW_AHEAD", usual.renew_ahead),
            short_lived=self.number("SHORT_LIVED", usual.short_lived),
            idle_after=self.number("IDLE_AFTER", usual.idle_after),
            exercise_after=self.number("EXERCISE_AFTER", usual.exercise_after),
            shards=self.number("SHARDS", usual.shards),
            loopback=loopback,
        )

    def _origins(self, loopback: bool) -> tuple[str, ...]:
        listed = self.environment.get(f"{PREFIX}WEB_ORIGINS", "").split(",")
        return tuple(_origin("WEB_ORIGINS", text.strip(), loopback) for text in listed if text.strip())


_MEANINGS = {
    "DEPLOYMENT": "the name of this deployment, such as its stack's name",
    "TABLE": "the name of the DynamoDB table",
    "VAULT_KEY": "the ARN of the KMS key",
    "PUBLIC_URL": "the https origin under which people and providers reach this API, without a path",
    "WEB_CLIENT_URL": "the https URL of the page that finishes authorizations",
    "ISSUER": "the issuer of the sign-in service",
    "SWEEP_QUEUE": "the URL of the sweep queue",
    "RENEWAL_QUEUE": "the URL of the renewal queue",
    "RESCUE_QUEUE": "the URL of the rescue queue",
    "CHORE_QUEUE": "the URL of the chore queue",
}


def _origin(name: str, text: str, loopback: bool) -> str:
    parts = _split(name, text, loopback)
    if parts.path or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise SettingsError(f"{PREFIX}{name} is {text!r}: set it to an origin, such as https://strongroom.example.com.")
    return text


def _page(name: str, text: str, loopback: bool) -> str:
    parts = _split(name, text, loopback)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise SettingsError(f"{PREFIX}{name} is {text!r}: set it to a URL without a query and a fragment.")
    return text


def _split(name: str, text: str, loopback: bool) -> SplitResult:
    parts = urlsplit(text)
    plain = parts.scheme == "http" and loopback and _is_loopback(text)
    if (parts.scheme != "https" and not plain) or not parts.hostname or "@" in parts.netloc or not text.isascii():
        raise SettingsError(
            f"{PREFIX}{name} is {text!r}: set it to an https URL, such as https://strongroom.example.com."
        )
    return parts


def _is_loopback(url: str) -> bool:
    host = urlsplit(url.strip()).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
