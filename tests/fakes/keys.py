"""A key service in memory that keeps the port's whole promise: the contract tests hold it against AWS KMS."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from strongroom.domain.errors import IntegrityError, KeysUnavailable
from tests.fakes.faults import Hook

Operation = Literal["generate", "decrypt"]


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What the service knows of a blob that it gave away."""

    key_name: str
    context: Mapping[str, str]
    data_key: bytes = field(repr=False)


class FakeKeyService:
    """One key of a service. `beside` gives another key of the same service: it knows the same blobs and opens its own.

    `before` and `after` hold a hook for `generate` or `decrypt`, which gets the context. `disabled` is the key's state.
    `requests` lists what was asked, with the context.
    """

    def __init__(self, key_name: str = "vault", blobs: dict[bytes, Wrapping] | None = None) -> None:
        self._key_name = key_name
        self._blobs = {} if blobs is None else blobs
        self._lock = threading.Lock()
        self.before: dict[Operation, Hook] = {}
        self.after: dict[Operation, Hook] = {}
        self.disabled = False
        self.requests: list[tuple[Operation, dict[str, str]]] = []

    def beside(self, key_name: str) -> FakeKeyService:
        return FakeKeyService(key_name, self._blobs)

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        self._begin("generate", context)
        with self._lock:
            name = f"{self._key_name}:{len(self._blobs)}"
            data_key = hashlib.sha256(f"data key {name}".encode()).digest()
            blob = hashlib.shake_256(f"blob {name}".encode()).digest(120)
            self._blobs[blob] = Wrapping(self._key_name, dict(context), data_key)
        self._end("generate", context)
        return data_key, blob

    def decrypt(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        self._begin("decrypt", context)
        wrapping = self._blobs.get(blob)
        if wrapping is None or (wrapping.key_name, wrapping.context) != (self._key_name, dict(context)):
            raise IntegrityError("a wrapped vault key belongs to another key or context")
        self._end("decrypt", context)
        return wrapping.data_key

    def asked(self, operation: Operation) -> int:
        """Count the requests of one kind."""
        return sum(1 for name, _ in self.requests if name == operation)

    def data_keys(self) -> list[bytes]:
        """Show every key that was ever given away, for tests that search for them where they must not be."""
        return [wrapping.data_key for wrapping in self._blobs.values()]

    def _begin(self, operation: Operation, context: Mapping[str, str]) -> None:
        with self._lock:
            self.requests.append((operation, dict(context)))
        if hook := self.before.get(operation):
            hook(context)
        if self.disabled:
            raise KeysUnavailable("the key is disabled", retry_after=1)

    def _end(self, operation: Operation, context: Mapping[str, str]) -> None:
        if hook := self.after.get(operation):
            hook(context)
