"""One connection to play with, and its row in a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.domain.connection import Connection, Owner, Renewal, Standing, Version
from strongroom.domain.sealed_tokens import Destination, SealedTokens
from strongroom.domain.table import Committed, Item, Value, Write
from tests.fakes.table import FakeTable

NOW = 1_800_000_000
GRANT = "g" * 20
INSTALLATION = "i" * 20
BOB = Owner("acme", "bob", INSTALLATION)
DESTINATION = Destination(
    issuer="https://provider.example",
    provider_key="provider",
    client_generation=1,
    client_id="client",
    token_endpoint="https://provider.example/token",
    revocation_endpoint="https://provider.example/revoke",
    resource="https://files.example/mcp",
)
TOKENS = SealedTokens(b"access", b"refresh", NOW + 3600, 3600, NOW, ("files",))
NEWER = SealedTokens(b"newer access", b"newer refresh", NOW + 7200, 3600, NOW + 3600, ("files",))
FRESH = Connection(
    owner=BOB,
    version=Version(GRANT, 1),
    standing=Standing("epoch", "binding"),
    reason=None,
    since=NOW,
    tokens=TOKENS,
    destination=DESTINATION,
    requested_scopes=("files",),
    authorized_by="bob",
    begun_at=NOW - 10,
    last_used_at=NOW,
)


def tried(**state: Any) -> Connection:
    """The connection after attempts to renew it, as they left it."""
    return replace(FRESH, renewal=Renewal(**{"due_at": NOW, **state}))


def row_of(connection: Connection) -> Item:
    """The row as a table holds it: what is not known is not there."""
    state = connection.renewal
    attempts: dict[str, Value] = {
        "lease": state.lease,
        "lease_until": state.lease_until or None,
        "intent_at": state.intent_at,
        "intents": state.intents or None,
        "retry_at": state.retry_at or None,
        "failures": state.failures or None,
        "failing_since": state.failing_since,
        "last_error": state.last_error,
    }
    known = {name: value for name, value in attempts.items() if value is not None}
    return {**connection.to_item({"due_at": state.due_at or NOW, "due_shard": "D#0"}), **known}


def table_with(connection: Connection) -> FakeTable:
    table = FakeTable()
    table.place(row_of(connection))
    return table


def lands(table: FakeTable, *writes: Write) -> bool:
    """Do the writes, and say whether their conditions held."""
    return isinstance(table.commit(writes, f"mark-{len(table.committed)}-{sum(table.requests.values())}"), Committed)


def stored(table: FakeTable, owner: Owner = BOB) -> Connection:
    return Connection.from_item(stored_row(table, owner))


def stored_row(table: FakeTable, owner: Owner = BOB) -> Item:
    row = table.row(owner.key)
    assert row is not None
    return row
