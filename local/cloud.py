"""AWS's stand-in on loopback, and the template's tables, queues and keys in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from local.accounts import FAKE_KEYS, REGION
from local.errors import LocalError
from local.signing import loopback
from local.storage import Queue, Table, keys_of, queues_of, tables_of
from local.template import Template

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_sqs import SQSClient


def session() -> boto3.session.Session:
    """A session that knows the fixed fake keys and nothing of the user: no profile, no files, no credentials."""
    ignored: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.session.Session(
        aws_access_key_id=FAKE_KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=FAKE_KEYS["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=FAKE_KEYS["AWS_SESSION_TOKEN"],
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=ignored),
    )


@dataclass(frozen=True, slots=True)
class Cloud:
    """Clients of the stand-in at one endpoint, and what was created there."""

    endpoint: str
    dynamodb: DynamoDBClient
    sqs: SQSClient
    kms: KMSClient
    tables: tuple[Table, ...]
    queues: tuple[Queue, ...]
    key_arns: Mapping[str, str]

    def depths(self) -> dict[str, int]:
        """How many messages each queue holds, by logical id: visible, delayed and in flight."""
        return {queue.logical_id: self._depth(queue) for queue in self.queues}

    def _depth(self, queue: Queue) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=queue.url(self.endpoint), AttributeNames=["All"])
        numbers: Mapping[str, str] = dict(answer["Attributes"].items())
        names = ("", "Delayed", "NotVisible")
        return sum(int(numbers.get(f"ApproximateNumberOfMessages{name}", "0")) for name in names)


def build_cloud(template: Template, endpoint: str) -> Cloud:
    """Create what the template names, in a stand-in that is empty.

    Raises:
        LocalError: If the endpoint is not on loopback. Nothing was sent.
    """
    loopback(endpoint)
    ours, config = session(), Config(proxies={}, retries={"total_max_attempts": 2}, max_pool_connections=32)
    dynamodb = ours.client("dynamodb", endpoint_url=endpoint, config=config)
    sqs = ours.client("sqs", endpoint_url=endpoint, config=config)
    kms = ours.client("kms", endpoint_url=endpoint, config=config)
    tables, queues = tables_of(template), queues_of(template)
    for table in tables:
        _create_table(dynamodb, table)
    for queue in queues:
        _create_queue(sqs, queue, endpoint)
    keys = {key.logical_id: kms.create_key(**_any(key.request))["KeyMetadata"]["Arn"] for key in keys_of(template)}
    return Cloud(endpoint, dynamodb, sqs, kms, tables, queues, keys)


def _any(request: Mapping[str, Any]) -> Any:
    return dict(request)


def _create_table(dynamodb: DynamoDBClient, table: Table) -> None:
    dynamodb.create_table(TableName=table.name, **_any(table.request))
    if table.ttl:
        specification: Any = {"AttributeName": table.ttl, "Enabled": True}
        dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specification)


def _create_queue(sqs: SQSClient, queue: Queue, endpoint: str) -> None:
    url = sqs.create_queue(QueueName=queue.name, Attributes=_any(queue.attributes))["QueueUrl"]
    if url != queue.url(endpoint):
        raise LocalError(f"The stand-in for SQS gave {queue.logical_id} an unexpected URL.")
