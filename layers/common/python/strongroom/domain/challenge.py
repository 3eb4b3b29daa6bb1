"""The challenge of a 401 or 403: what `WWW-Authenticate` says, read by the grammar and not by searching in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.domain.scope import scope_list

LONGEST = 16 * 1024

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BETWEEN = re.compile(r"[ \t,]*")
_SPACES = re.compile(r" +")
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|\Z)")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[\t \x21\x23-\x5B\x5D-\x7E\x80-\xFF]|\\[\t \x21-\x7E\x80-\xFF])*+)"')
_END = re.compile(r"[ \t]*(?=,|\Z)")


class _Malformed(Exception):
    """The text does not follow the grammar."""


@dataclass(frozen=True, slots=True)
class BearerChallenge:
    """What a Bearer challenge asks for (RFC 6750 §3, RFC 9728 §5.1). All of it is a stranger's text."""

    resource_metadata: str | None = field(default=None, repr=False)
    scope: tuple[str, ...] = field(default=(), repr=False)
    error: str | None = field(default=None, repr=False)


def bearer_challenge(values: Sequence[str]) -> BearerChallenge | None:
    """Find the Bearer challenge among the values of `WWW-Authenticate` (RFC 9110 §11.6.1).

    One value may hold several challenges, and a challenge may stand in any of them. A value that breaks the grammar
    counts for nothing, and so does a challenge that names a parameter twice. Of several Bearer challenges, the first
    with resource metadata speaks, else the first.
    """
    found = [_bearer(parameters) for scheme, parameters in _challenges(values) if scheme == "bearer"]
    return next((challenge for challenge in found if challenge.resource_metadata), found[0] if found else None)


def _bearer(parameters: Mapping[str, str]) -> BearerChallenge:
    return BearerChallenge(
        parameters.get("resource_metadata"), scope_list(parameters.get("scope")) or (), parameters.get("error")
    )


def _challenges(values: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for value in values:
        if len(value) > LONGEST:
            continue
        try:
            read = _Reader(value).challenges()
        except _Malformed:
            continue
        yield from ((scheme, dict(pairs)) for scheme, pairs in read if len(dict(pairs)) == len(pairs))


class _Reader:
    """Walk through one value from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def challenges(self) -> list[tuple[str, list[tuple[str, str]]]]:
        found: list[tuple[str, list[tuple[str, str]]]] = []
        self._need(_BETWEEN)
        while self._at < len(self._text):
            scheme = self._need(_TOKEN)[0].lower()
            found.append((scheme, self._parameters()))
            self._need(_BETWEEN)
        return found

    def _parameters(self) -> list[tuple[str, str]]:
        spaced = self._take(_SPACES)
        if spaced and self._take(_TOKEN68):
            return []
        pairs: list[tuple[str, str]] = []
        while pair := self._parameter():
            pairs.append(pair)
            self._need(_END)
            self._need(_BETWEEN)
        if not pairs:
            self._need(_END)
        return pairs

    def _parameter(self) -> tuple[str, str] | None:
        start = self._at
        self._need(_BETWEEN)
        name = self._take(_TOKEN)
        if name is None or self._take(_EQUALS) is None:
            self._at = start
            return None
        return name[0].lower(), self._value()

    def _value(self) -> str:
        quoted = self._take(_QUOTED)
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else self._need(_TOKEN)[0]

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _need(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = self._take(pattern)
        if match is None:
            raise _Malformed
        return match
