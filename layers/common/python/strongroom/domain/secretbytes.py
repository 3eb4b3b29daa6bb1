"""Bytes that must not print."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn


class SecretBytes:
    """Hold a key, or a text on its way through a cipher, so that no log, error or trace can show it."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def reveal(self) -> bytes:
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBytes):
            return NotImplemented
        return hmac.compare_digest(self._data, other._data)

    def __hash__(self) -> int:
        raise TypeError("a secret is not a key of anything")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret does not leave this process by pickling")
