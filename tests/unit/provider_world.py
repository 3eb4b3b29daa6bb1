"""The provider without its pages and its network, with a clock that stands still until it is told."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from local.services.exchange import OAuthError, s256
from local.services.provider_clients import Client, Clients
from local.services.provider_ledger import Issued, Ledger, Lifetimes
from local.services.provider_rules import Rules

CALLBACK = "https://app.example/cb"
RESOURCE = "https://files.example/mcp"
VERIFIER = "v" * 43


@dataclass
class World:
    """A provider without its pages; `now` is its clock."""

    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    rules: Rules = field(default_factory=lambda: Rules("https://provider.example", (RESOURCE,)))
    now: float = 1_000_000.0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.clients = Clients(lambda: self.now, self.fresh)
        self.ledger = Ledger(self.lifetimes, lambda: self.now, self.fresh, self.rules.offline)

    def fresh(self) -> str:
        return f"{next(self.numbers):08}-number"

    def client(self, **metadata: object) -> Client:
        both = ["authorization_code", "refresh_token"]
        registered = self.clients.register(
            {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "grant_types": both, **metadata}
        )
        client = self.clients.find(str(registered["client_id"]))
        assert client is not None
        return client

    def asked(self, client: Client, **changed: str) -> dict[str, str]:
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": CALLBACK,
            "state": "s",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            "resource": RESOURCE,
            "scope": "files:read",
            **changed,
        }
        return {name: value for name, value in asked.items() if value}

    def code(self, client: Client, account: str = "bob", **changed: str) -> str:
        return self.ledger.allow(self.rules.accept(self.asked(client, **changed), client), account)

    def redeem(self, client: Client, code: str, **changed: str) -> Issued:
        sent = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, "resource": RESOURCE, **changed}
        return self.ledger.redeem(client, sent)

    def connect(self, client: Client, account: str = "bob") -> Issued:
        return self.redeem(client, self.code(client, account))

    def refresh(self, client: Client, token: str | None, **changed: str) -> Issued:
        return self.ledger.refresh(client, {"refresh_token": token or "", "resource": RESOURCE, **changed})

    def active(self, issued: Issued) -> bool:
        return bool(self.ledger.look_into(issued.access_token, "https://provider.example")["active"])


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(OAuthError) as caught:
        act()
    assert caught.value.code == code
