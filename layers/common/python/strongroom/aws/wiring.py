"""Putting the adapters together, once, while the function starts. Credentials and keys are fetched at first use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from strongroom.adapters import clients
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.kms import Kms, KmsClient
from strongroom.adapters.machine import SystemChance, SystemClock
from strongroom.adapters.signer import Es256
from strongroom.adapters.sqs import SqsQueue
from strongroom.adapters.table_time import SharedClock, TableTime
from strongroom.aws.journal import Journal
from strongroom.aws.settings import Settings
from strongroom.domain.errors import KeysUnavailable, QueueUnavailable, SettingsError
from strongroom.flows.vault import Vault
from strongroom.ports import KeyService, Message, Ports, Queue, Queues

QueueName: TypeAlias = Literal["sweep", "renewal", "rescue", "chore"]


@dataclass(frozen=True, slots=True)
class Wired:
    """The ports of one function, the issuer whose JWTs it believes, and its queues by their names in AWS."""

    ports: Ports
    issuer: str = ""
    queues: Mapping[str, QueueName] = field(default_factory=dict)


class NotWired:
    """A queue or key service that this function has no business with: its role could not use it either."""

    def send(self, messages: Sequence[Message]) -> None:
        raise QueueUnavailable("this function does not use this queue")

    def postpone(self, receipt: str, seconds: int) -> None:
        raise QueueUnavailable("this function does not use this queue")

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        raise KeysUnavailable("this function does not use the vault")

    def decrypt(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        raise KeysUnavailable("this function does not use the vault")


def wire(
    function: str,
    *,
    queues: tuple[QueueName, ...] = (),
    vault: bool = True,
    people: bool = True,
    environment: Mapping[str, str] = os.environ,
) -> Wired:
    """Read the settings and build the ports of one function. No call leaves the process here.

    `people`: it answers people or satellites, so it needs the public URL, the web client and the issuer.

    Raises:
        SettingsError: With what to set.
    """
    settings = Settings(environment)
    policy = settings.policy() if people else settings.background_policy()
    issuer, deployment = settings.issuer if people else "", settings.deployment
    table_name, key_arn = settings.text("TABLE"), settings.text("VAULT_KEY") if vault else ""
    urls = {name: settings.queue(name) for name in queues}
    named = _by_their_names(urls)
    clock, chance, session = SharedClock(SystemClock()), SystemChance(), clients.open_session()
    journal = Journal(function, deployment, clock)
    table = DynamoTable(clients.dynamodb(session), table_name, clock, chance, TableTime(clock, journal))
    keys: KeyService = Kms(cast(KmsClient, clients.kms(session)), key_arn) if vault else NotWired()
    sqs = clients.sqs(session) if queues else None

    def queue(name: QueueName) -> Queue:
        return SqsQueue(sqs, urls[name]) if sqs and name in urls else NotWired()

    ports = Ports(
        table=table,
        vault=Vault(table, keys, AesGcm(), clock, chance, deployment),
        egress=GuardedEgress(own_hosts=policy.destinations().own, loopback=policy.loopback),
        signer=Es256(),
        catalog=CatalogFiles(),
        queues=Queues(queue("sweep"), queue("renewal"), queue("rescue"), queue("chore")),
        clock=clock,
        chance=chance,
        journal=journal,
        policy=policy,
    )
    return Wired(ports, issuer, named)


def _by_their_names(urls: Mapping[QueueName, str]) -> dict[str, QueueName]:
    """Raises: SettingsError: if two settings name the same queue, whose messages nobody could tell apart."""
    named = {url.rpartition("/")[2]: name for name, url in urls.items()}
    if len(named) < len(urls):
        raise SettingsError("STRONGROOM_..._QUEUE settings name one queue twice: set each to a queue of its own.")
    return named
