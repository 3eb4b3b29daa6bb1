"""One question, put to our pure functions and to those of the MCP SDK: where the answers may differ, and why."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

from hypothesis.strategies import SearchStrategy
from mcp.client.auth import OAuthFlowError

from strongroom.domain.errors import StrongroomError

Asked = TypeVar("Asked")
T = TypeVar("T")

REFUSED = "refused"


@dataclass(frozen=True)
class Difference(Generic[Asked]):
    """A kind of input for which we mean to answer otherwise. `selects` looks at the input alone."""

    id: str
    sentence: str
    source: str
    selects: Callable[[Asked], bool]


@dataclass(frozen=True, repr=False)
class Comparison(Generic[Asked]):
    """Both answers, in one form; inputs chosen by hand and made by chance; and the differences that are meant."""

    question: str
    ours: Callable[[Asked], object]
    theirs: Callable[[Asked], object]
    corpus: Sequence[Asked]
    made: SearchStrategy[Asked]
    differences: Sequence[Difference[Asked]] = ()

    def __repr__(self) -> str:
        return f"<{self.question}>"

    def agrees(self, asked: Asked) -> bool:
        return self.ours(asked) == self.theirs(asked)

    def named(self, asked: Asked) -> list[str]:
        """The differences that an input falls under."""
        return [difference.id for difference in self.differences if difference.selects(asked)]


def or_refused(call: Callable[[], T]) -> T | str:
    """What comes of a call, whoever's it is; each refusal is the same here."""
    try:
        return call()
    except (StrongroomError, OAuthFlowError, ValueError):
        return REFUSED


def code_of(call: Callable[[], object]) -> str:
    """The code of our refusal; empty: we refuse nothing."""
    try:
        call()
    except StrongroomError as refusal:
        return refusal.public_code
    return ""


def at_once(steps: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing: no event loop, and no socket that one would open."""
    try:
        steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    steps.close()
    raise AssertionError("it waits for something")


def may_be_called(url: str) -> bool:
    """A second, rougher reading of the URLs that we call: https, ASCII, and nothing that two readers take differently."""
    parts = urlsplit(url)
    steps = [unquote(step) for step in parts.path.split("/")]
    odd = set(unquote(parts.path)) & set("\\\x00\r\n\t") or set(url) & set('#\\ "<>^`{|}') or not url.isascii()
    return (
        parts.scheme == "https"
        and bool(parts.netloc)
        and "@" not in parts.netloc
        and not odd
        and not {".", ".."} & {*steps}
    )


def host_is_plain(url: str) -> bool:
    """Scheme and host stand there as they are compared: lower case, without the default port (RFC 6454 §6.2)."""
    parts = urlsplit(url)
    return url.startswith(parts.scheme) and parts.netloc == parts.netloc.lower() and not parts.netloc.endswith(":443")


def last_step_has_parameters(url: str) -> bool:
    """`;` in the last segment of the path: RFC 2396 had parameters there, RFC 3986 §3.3 has none."""
    return ";" in urlsplit(url).path.rpartition("/")[2]
