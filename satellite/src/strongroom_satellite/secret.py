"""A text that does not print."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """An access token, or a header or variable that carries one.

    It prints as `***` however it is printed, compares in constant time, and can be neither pickled nor hashed. `reveal()` is
    the only way to the text.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            return hmac.compare_digest(self.__text.encode(), other.__text.encode())
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as a key of a dictionary it would be compared byte by byte

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
