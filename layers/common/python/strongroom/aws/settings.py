"""What the operator has set, read once at start. A missing or wrong setting stops the start with a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from strongroom.domain.errors import SettingsError
from strongroom.domain.policy import DAY, Policy
from strongroom.domain.web_url import LOOPBACK_HOSTS, WebUrl, web_url

PREFIX = "STRONGROOM_"
LOOPBACK = "loopback"
MOST_SHARDS = 64
LONGEST_TIME = 366 * DAY
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_MOMENT = re.compile(r"0|[1-9][0-9]{9}", re.ASCII)
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


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

    def optional(self, name: str) -> str:
        """Give the empty text if it is not set."""
        return self.environment.get(PREFIX + name, "").strip()

    def number(self, name: str, usual: int, most: int = LONGEST_TIME) -> int:
        """Raises: SettingsError: if it is not a whole number from 1 to `most`."""
        text = self.environment.get(PREFIX + name, "").strip() or str(usual)
        if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
            raise wrong(name, text, f"a whole number from 1 to {most}")
        return int(text)

    def moment(self, name: str) -> int:
        """Give a time in seconds since the epoch; 0, as when it is not set: never.

        Raises:
            SettingsError: If it is anything else, milliseconds too.
        """
        text = self.environment.get(PREFIX + name, "").strip() or "0"
        if not _MOMENT.fullmatch(text):
            raise wrong(name, text, "a time in whole seconds since 1970, as `date +%s` prints it, or 0 for never")
        return int(text)

    def queue(self, name: str) -> str:
        """Give the URL of a queue. Its last part is the name by which a worker knows its own messages.

        Raises:
            SettingsError: If it is not set, or not the URL of a queue.
        """
        setting = f"{name.upper()}_QUEUE"
        text = self.text(setting)
        url = web_url(text, loopback=True)
        if url is None or url.query is not None or len(url.segments) != 2 or not _QUEUE.fullmatch(url.segments[1]):
            raise wrong(setting, text, "the URL of a queue, which ends with the account and the queue's name")
        return text

    @property
    def deployment(self) -> str:
        return self.text("DEPLOYMENT")

    @property
    def public_url(self) -> str:
        return _origin("PUBLIC_URL", self.text("PUBLIC_URL"), self.development)

    @property
    def issuer(self) -> str:
        return _page("ISSUER", self.text("ISSUER"), self.development)

    @property
    def development(self) -> bool:
        """Whether http to loopback is permitted: on a developer's machine, and never with a public URL elsewhere."""
        value = self.environment.get(f"{PREFIX}DEVELOPMENT", "").strip()
        if value and value != LOOPBACK:
            raise wrong("DEVELOPMENT", value, f"{LOOPBACK!r} or remove it")
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
            web_origins=self.origins("WEB_ORIGINS"),
            endpoint_origins=tuple(self._pairs(loopback)),
            conformance_client=self._conformance_client(loopback),
        )

    def background_policy(self) -> Policy:
        """Give the policy of a worker: it sends nobody anywhere, but must know our own host, to keep away from it.

        Raises:
            SettingsError: With what to set.
        """
        loopback = self.development
        usual = Policy(public_url="", web_client_url="")
        return Policy(
            public_url=self.public_url,
            web_client_url="",
            renew_ahead=self.number("RENEW_AHEAD", usual.renew_ahead),
            short_lived=self.number("SHORT_LIVED", usual.short_lived),
            idle_after=self.number("IDLE_AFTER", usual.idle_after),
            exercise_after=self.number("EXERCISE_AFTER", usual.exercise_after),
            shards=self.number("SHARDS", usual.shards, MOST_SHARDS),
            restored_at=self.moment("RESTORED_AT"),
            loopback=loopback,
        )

    def origins(self, name: str) -> tuple[str, ...]:
        """Give a list of exact origins, which may be empty.

        Raises:
            SettingsError: If one of them is none.
        """
        listed, loopback = self.optional(name).split(","), self.development
        return tuple(_origin(name, text.strip(), loopback) for text in listed if text.strip())

    def _conformance_client(self, loopback: bool) -> str | None:
        """Where the conformance suite expects our client metadata document: an exception of its run, and of nothing else."""
        text = self.environment.get(f"{PREFIX}CONFORMANCE_CLIENT", "").strip()
        if text and not loopback:
            raise SettingsError(f"{PREFIX}CONFORMANCE_CLIENT goes with {PREFIX}DEVELOPMENT={LOOPBACK} only: remove it.")
        return _page("CONFORMANCE_CLIENT", text, loopback) if text else None

    def _pairs(self, loopback: bool) -> Iterator[tuple[str, str]]:
        name = "ENDPOINT_ORIGINS"
        for pair in self.environment.get(PREFIX + name, "").split(","):
            issuer, equals, endpoint = (part.strip() for part in pair.partition("="))
            if pair.strip() and not equals:
                raise wrong(name, pair, "pairs of origins, such as https://id.example.com=https://oauth.example.com")
            if pair.strip():
                yield _origin(name, issuer, loopback), _origin(name, endpoint, loopback)


_MEANINGS = {
    "DEPLOYMENT": "the name of this deployment, such as its stack's name",
    "TABLE": "the name of the DynamoDB table",
    "VAULT_KEY": "the ARN of the KMS key",
    "PUBLIC_URL": "the https origin under which people and providers reach this API, without a path",
    "WEB_CLIENT_URL": "the https URL of the page that finishes authorizations",
    "ISSUER": "the issuer of the sign-in service",
    "SCOPE": "the scope that an access token for this API carries",
    "SWEEP_QUEUE": "the URL of the sweep queue",
    "RENEWAL_QUEUE": "the URL of the renewal queue",
    "RESCUE_QUEUE": "the URL of the rescue queue",
    "CHORE_QUEUE": "the URL of the chore queue",
}


def _origin(name: str, text: str, loopback: bool) -> str:
    """Take an origin in the one spelling that browsers use, since it is compared letter by letter."""
    if _url(name, text, loopback).origin != text:
        raise wrong(name, text, "an origin in lower case and no more, such as https://strongroom.example.com")
    return text


def _page(name: str, text: str, loopback: bool) -> str:
    if _url(name, text, loopback).query is not None:
        raise wrong(name, text, "a URL without a query and a fragment")
    return text


def _url(name: str, text: str, loopback: bool) -> WebUrl:
    url = web_url(text, loopback=loopback)
    if url is None:
        raise wrong(name, text, "an https URL, such as https://strongroom.example.com")
    return url


def _is_loopback(text: str) -> bool:
    url = web_url(text.strip(), loopback=True)
    return url is not None and url.host in LOOPBACK_HOSTS


def wrong(name: str, text: str, wanted: str) -> SettingsError:
    """Say of a setting what it is and what it should be. A long value is cut off."""
    return SettingsError(f"{PREFIX}{name} is {text[:80]!r}: set it to {wanted}.")
