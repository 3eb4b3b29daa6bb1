"""One strict reading of a URL, so that no two parts of the system can read the same text differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

LONGEST = 2048
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_CHARACTER = r"[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2}"
_URL = re.compile(
    rf"(?P<scheme>(?i:https?))://(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?"
    rf"(?P<path>/(?:{_CHARACTER})*)?(?:\?(?P<query>(?:{_CHARACTER}|\?)*))?"
)
_HIDDEN = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff]|5[Cc])")


@dataclass(frozen=True, slots=True)
class WebUrl:
    """The parts of an http or https URL. `text` is as it came, scheme and host are lower case, `port` is never None."""

    text: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    query: str | None

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a default port (RFC 6454 §6.2)."""
        usual = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{self.host}" + ("" if self.port == usual else f":{self.port}")

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments as written; a final slash adds none."""
        return tuple(self.path.removesuffix("/").split("/")[1:])


def web_url(text: object, *, loopback: bool = False) -> WebUrl | None:
    """Read an absolute https URL, or give None. `loopback` also permits http on this machine.

    Stricter than RFC 3986, because clients and servers disagree about the rest: ASCII only, no user, no fragment, no
    backslash, no control character (encoded ones in the path included), no dot segment, no host but names and
    bracketed addresses. Whether the address behind the host may be called is decided when it is called.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    match = _URL.fullmatch(text)
    if match is None:
        return None
    scheme: Literal["http", "https"] = "https" if match["scheme"].lower() == "https" else "http"
    host, path = match["host"].lower(), match["path"] or ""
    port = int(match["port"]) if match["port"] else 443 if scheme == "https" else 80
    allowed = scheme == "https" or (loopback and host in LOOPBACK_HOSTS)
    if not allowed or not 0 < port < 65536 or _treacherous(path):
        return None
    return WebUrl(text, scheme, host, port, path, match["query"])


def _treacherous(path: str) -> bool:
    steps = (unquote_to_bytes(segment) for segment in path.split("/"))
    return _HIDDEN.search(path) is not None or any(step in {b".", b".."} for step in steps)
