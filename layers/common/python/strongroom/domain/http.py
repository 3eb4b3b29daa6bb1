"""One request to a provider and what can come of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from strongroom.domain.secret import Secret

KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as the guarded client sends it.

    Header values and the body may hold credentials, so both hide themselves. `limit` is the most bytes of body that are
    read, `within` the seconds for everything from name resolution to the last byte, `hops` the redirects that may be
    followed (same scheme, each checked anew; only ever for GET).
    """

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, Secret] = field(default_factory=dict)
    body: Secret | None = None
    limit: int = 64 * KIBIBYTE
    within: float = 10.0
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. Header names are lower case; a repeated header keeps each of its values, in order."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request left us: it may be tried again. `reason` is a stable code of ours."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have arrived, and no complete and acceptable answer came. `reason` is a stable code of ours."""

    reason: str


Answer: TypeAlias = Reply | NotSent | NoAnswer
