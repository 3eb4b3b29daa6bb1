"""What the provider remembers for tests and the demo: ids, counters and hashes of refresh tokens, never a secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from local.services.exchange import fingerprint
from local.services.provider_clients import Client, Clients
from local.services.provider_ledger import Grant, Issued, Ledger, Revoked

KNOWN_GRANT_TYPES = ("authorization_code", "refresh_token")
MOST_ENTRIES = 10_000


@dataclass(slots=True)
class Journal:
    """`calls` counts the requests that were processed, per endpoint; `tokens` and `revocations` list them in order.

    Requests that a fault swallowed before processing are counted with the faults.
    """

    calls: Counter[str] = field(default_factory=Counter)
    tokens: list[dict[str, object]] = field(default_factory=list)
    revocations: list[dict[str, object]] = field(default_factory=list)

    def token(self, given: Mapping[str, str], client: Client | None, outcome: Issued | str) -> None:
        """Note one request to the token endpoint; `outcome` is what was issued or the error code."""
        presented = given.get("refresh_token")
        kind = given.get("grant_type", "")
        entry: dict[str, object] = {
            "grant_type": kind if kind in KNOWN_GRANT_TYPES else "other",
            "client_id": client.client_id if client else None,
            "presented_refresh_sha256": fingerprint(presented) if presented else None,
            "outcome": outcome if isinstance(outcome, str) else "issued",
            "grant": None if isinstance(outcome, str) else outcome.grant,
        }
        _keep(self.tokens, entry)

    def revocation(self, client: Client, token: str, done: Revoked) -> None:
        """Note that somebody told us to revoke."""
        _keep(self.revocations, {"client_id": client.client_id, "token_sha256": fingerprint(token), **asdict(done)})


def report(ledger: Ledger, clients: Clients, journal: Journal, faults_done: Mapping[str, int]) -> dict[str, object]:
    """Gather everything that may be shown."""
    return {
        "registrations": [_registration(client) for client in clients.all()],
        "grants": [_grant(grant) for grant in ledger.grants],
        "tokens": journal.tokens,
        "revocations": journal.revocations,
        "calls": dict(journal.calls),
        "faults": dict(faults_done),
        "lifetimes": asdict(ledger.lifetimes),
    }


def _keep(entries: list[dict[str, object]], entry: dict[str, object]) -> None:
    entries.append(entry)
    del entries[:-MOST_ENTRIES]


def _registration(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.method,
    }


def _grant(grant: Grant) -> dict[str, object]:
    return {
        "grant": grant.identifier,
        "account": grant.account,
        "client_id": grant.client_id,
        "scopes": list(grant.scopes),
        "resource": grant.resource,
        "ended": grant.ended,
        "refreshed": grant.refreshed,
        "newest_refresh_sha256": grant.newest,
    }
