"""A table, a key service and as many environments of the vault as a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.sealing import Cipher, Place, Purpose, TeamKeys, destination_hash
from strongroom.domain.secret import Secret
from strongroom.flows.vault import Vault
from strongroom.ports import Chance
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.keys import FakeKeyService
from tests.fakes.table import FakeTable

DEPLOYMENT = "acme-production"


@dataclass
class VaultWorld:
    """What all environments share. `vault` makes a new environment that has opened nothing yet."""

    clock: FakeClock = field(default_factory=FakeClock)
    chance: Chance = field(default_factory=FakeChance)
    service: FakeKeyService = field(default_factory=FakeKeyService)
    table: FakeTable = field(init=False)

    def __post_init__(self) -> None:
        self.table = FakeTable(self.clock)

    def vault(self, *, cipher: Cipher | None = None, service: FakeKeyService | None = None) -> Vault:
        cipher = cipher or AesGcm()
        return Vault(self.table, service or self.service, cipher, self.clock, self.chance, DEPLOYMENT)

    def put_team(self, team: str, **attributes: str) -> None:
        key = keys.team(team)
        self.table.place({"PK": key.pk, "SK": key.sk, "team": team, "state": "active", **attributes})

    def team(self, team: str) -> TeamKeys:
        """Read the team's keys from its row, as a look-up does."""
        key = keys.team(team)
        return TeamKeys.from_item(self.table.read([key])[key])

    def new_team(self, team: str) -> TeamKeys:
        self.put_team(team)
        return self.team(team)


def token_place(
    user: str = "alice",
    *,
    team: str = "acme",
    installation: str = "files",
    field: str = "access_token",
    standing: str = "epoch/binding",
    version: str = "grant.1",
    endpoint: str = "https://provider.example/token",
) -> Place:
    """Where a token of somebody lies; the name "" means the team's shared connection."""
    key = keys.connection(team, user, installation) if user else keys.shared_connection(team, installation)
    context = (standing, version, destination_hash(("https://provider.example", endpoint, "client")))
    return Place("connection", "connection", key, field, context)


def secret_place(provider_key: str = "provider", generation: int = 1, field: str = "client_secret") -> Place:
    return Place("installation", "provider_client", keys.provider_client(provider_key, generation), field)


def verifier_place(state_hash: str = "state-hash", field: str = "verifier") -> Place:
    return Place("authorization", "authorization", keys.authorization(state_hash), field)


TOKEN = Secret("a token")
PLACES: dict[Purpose, Place] = {
    "connection": token_place(),
    "installation": secret_place(),
    "authorization": verifier_place(),
}


def team_for(world: VaultWorld, purpose: Purpose) -> TeamKeys | None:
    return None if purpose == "authorization" else world.team("acme")


def seal(world: VaultWorld, purpose: Purpose, secret: Secret = TOKEN) -> bytes:
    return world.vault().sealing_ring(purpose, team_for(world, purpose)).seal(secret, PLACES[purpose])


def open_anew(world: VaultWorld, purpose: Purpose, sealed: bytes) -> Secret:
    """Open in an environment that has opened nothing yet."""
    return world.vault().ring(purpose, team_for(world, purpose)).open(sealed, PLACES[purpose])


def world_with(*teams: str) -> VaultWorld:
    world = VaultWorld()
    for team in teams:
        world.put_team(team)
    return world
