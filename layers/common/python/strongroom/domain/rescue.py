"""Results that are too precious to lose: what is put on the rescue queue when the table does not take them.

The text holds ciphertexts, never a token: its consumer needs no keys. It does the very write that failed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from strongroom.domain.connection import RENEWAL_ATTRIBUTES, Connection
from strongroom.domain.errors import IntegrityError, InvalidRequest
from strongroom.domain.identifiers import is_minted, is_version
from strongroom.domain.policy import Policy
from strongroom.domain.rows import optional_number
from strongroom.domain.sealed_tokens import Destination, SealedTokens
from strongroom.domain.sealing import Envelope
from strongroom.domain.table import Change, Item, Value

FORM = 1
LONGEST = 200_000
_NOT_NEEDED = (*SealedTokens(b"", None, None, None, 0, ()).to_item(), "account")
_TOLD_OF_FAILURES = ("failures", "failing_since", "last_error")


@dataclass(frozen=True, slots=True)
class RenewalResult:
    """Tokens that a renewal brought, sealed for the version after `connection.version`.

    `connection` is the row as it was read; read back from a message it lacks the old tokens and the account, which nobody
    needs any more.
    `due_at`: when the new tokens are due; `mark`: the write's own.
    """

    connection: Connection
    tokens: SealedTokens
    due_at: int
    mark: str

    def write(self, policy: Policy) -> Change:
        """Replace the tokens if the version is unchanged: the lease does not matter any more.

        Nor does a refusal that somebody else got meanwhile, for the very refresh token that this renewal had spent.
        """
        known = {**self.tokens.to_item(), "due_at": self.due_at, "due_shard": policy.shard(self.connection.key.pk)}
        put = {name: value for name, value in known.items() if value is not None} | {"n": self.connection.version.n + 1}
        unknown = tuple(name for name, value in known.items() if value is None)
        version = self.connection.version
        return Change(
            self.connection.key, version.unchanged(), put=put, drop=(*RENEWAL_ATTRIBUTES, "status_reason", *unknown)
        )

    def after(self) -> Connection:
        """The connection as it is once the result is written."""
        return replace(self.connection, version=self.connection.version.next(), tokens=self.tokens)

    def encode(self) -> str:
        """Write all but the old tokens, which are half of the row, and the account: the write leaves it as it is."""
        row = {name: value for name, value in self.connection.to_item().items() if name not in _NOT_NEEDED}
        failing = {name: getattr(self.connection.renewal, name) or None for name in _TOLD_OF_FAILURES}
        new = {f"new_{name}": value for name, value in self.tokens.to_item().items()}
        return _encode("renewal", {**row, **failing, **new, "new_due_at": self.due_at, "new_mark": self.mark})


@dataclass(frozen=True, slots=True)
class CompletionResult:
    """Tokens that a consent brought: the connection as it is to be stored, and the authorization that it ends."""

    authorization: str
    connection: Connection
    due_at: int | None

    def encode(self) -> str:
        row = {**self.connection.to_item(), "new_authorization": self.authorization, "new_due_at": self.due_at}
        return _encode("completion", row)


Rescued: TypeAlias = RenewalResult | CompletionResult


def decode(text: str) -> Rescued:
    """Read a message back, also one that holds the old tokens.

    Raises:
        InvalidRequest: If it is not one of ours.
        NewerRow: If it holds a row of a newer release.
    """
    if len(text) > LONGEST:
        raise InvalidRequest("too long for a rescued result")
    try:
        message = json.loads(text)
        return _decode(message["kind"], _row(message["row"])) if message["form"] == FORM else _foreign()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IntegrityError) as error:
        raise InvalidRequest("not a rescued result") from error


def _decode(kind: str, row: Item) -> Rescued:
    connection = Connection.from_item(row)
    if not is_version(str(connection.version)):
        return _foreign()
    due = optional_number(row, "new_due_at")
    if kind == "completion":
        _check(connection.tokens)
        return CompletionResult(str(row["new_authorization"]), connection, due)
    tokens = SealedTokens.from_item({name[4:]: value for name, value in row.items() if name.startswith("new_")})
    if kind != "renewal" or tokens is None or due is None or not is_minted(row["new_mark"]):
        return _foreign()
    _check(tokens)
    read = replace(connection, tokens=None, destination=Destination.from_item(row))
    return RenewalResult(read, tokens, due, str(row["new_mark"]))


def _check(tokens: SealedTokens | None) -> None:
    """Look at the form of what is sealed; opening it needs keys.

    Raises:
        InvalidRequest, IntegrityError: If it is not of our form.
    """
    if tokens is None:
        raise InvalidRequest("a result without tokens")
    for sealed in filter(None, (tokens.access, tokens.refresh)):
        Envelope.parse(sealed)


def _foreign() -> Rescued:
    raise InvalidRequest("not a rescued result")


def _encode(kind: str, row: Item) -> str:
    plain = {name: _plain(value) for name, value in row.items() if value is not None}
    return json.dumps({"form": FORM, "kind": kind, "row": plain}, separators=(",", ":"))


def _plain(value: Value) -> object:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _row(plain: Mapping[str, object]) -> Item:
    return {str(name): _value(value) for name, value in plain.items()}


def _value(value: object) -> Value:
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"], validate=True)
    if isinstance(value, str | int | list) or value is None:
        return value
    raise InvalidRequest("a value of a kind that we never wrote")
