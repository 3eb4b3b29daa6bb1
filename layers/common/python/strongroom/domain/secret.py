"""A string that must not print."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn


class Secret:
    """Hold a token, code, verifier, secret or key so that no log, error or trace can show it.

    `repr`, `str` and `format` give `***`; pickling and copying by value are refused; equality takes the same time
    whether the first or the last character differs. `reveal` is the one way to the text, so that a search for it
    finds every place where a secret leaves its wrapping.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode(errors="surrogatepass"), other._text.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        raise TypeError("a secret is not a key of anything")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret does not leave this process by pickling")
