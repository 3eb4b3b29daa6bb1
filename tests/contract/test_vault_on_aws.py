"""The whole vault on the real adapters: DynamoDB and KMS as moto plays them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.session import Session
from moto import mock_aws

from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.kms import Kms
from strongroom.adapters.machine import SystemChance
from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError
from strongroom.domain.sealing import TeamKeys
from strongroom.domain.secret import Secret
from strongroom.domain.table import Missing, Put
from strongroom.flows.vault import Vault
from strongroom.ports import Table
from tests.contract.stand_in import create_table
from tests.fakes.clock import FakeClock
from tests.fakes.vaults import token_place, verifier_place


class Environments:
    """As many environments as a test wants, on one table and one KMS key."""

    def __init__(self) -> None:
        session = Session()
        session.set_config_variable("region", "us-east-1")
        dynamodb, self._kms = session.create_client("dynamodb"), session.create_client("kms")
        self._clock, self._chance = FakeClock(), SystemChance()
        self.table: Table = DynamoTable(dynamodb, create_table(dynamodb), self._clock, self._chance)  # type: ignore[arg-type]
        self._arn = self._kms.create_key()["KeyMetadata"]["Arn"]  # type: ignore[attr-defined]

    def vault(self, deployment: str = "acme-production") -> Vault:
        service = Kms(self._kms, self._arn)  # type: ignore[arg-type]
        return Vault(self.table, service, AesGcm(), self._clock, self._chance, deployment)

    def team(self) -> TeamKeys:
        key = keys.team("acme")
        return TeamKeys.from_item(self.table.read([key])[key])


@pytest.fixture
def environments() -> Iterator[Environments]:
    with mock_aws():
        made = Environments()
        key = keys.team("acme")
        made.table.commit([Put({"PK": key.pk, "SK": key.sk, "team": "acme", "state": "active"}, Missing())], "mark")
        yield made


def test_what_one_environment_seals_another_opens(environments: Environments) -> None:
    stale = environments.team()
    one = environments.vault().sealing_ring("connection", stale).seal(Secret("one"), token_place())
    two = environments.vault().sealing_ring("connection", stale).seal(Secret("two"), token_place())

    ring = environments.vault().ring("connection", environments.team())

    assert [ring.open(sealed, token_place()).reveal() for sealed in (one, two)] == ["one", "two"]


def test_authorizations_are_sealed_under_their_vault_key(environments: Environments) -> None:
    sealed = environments.vault().sealing_ring("authorization", None).seal(Secret("verifier"), verifier_place())

    assert environments.vault().ring("authorization", None).open(sealed, verifier_place()).reveal() == "verifier"


def test_another_deployment_on_the_same_key_and_table_opens_nothing(environments: Environments) -> None:
    environments.vault().sealing_ring("connection", environments.team())

    with pytest.raises(IntegrityError):
        environments.vault("acme-staging").ring("connection", environments.team())
