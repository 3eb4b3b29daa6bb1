"""Tables, queues and keys of the template, as the requests that create them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from local.accounts import ACCOUNT, REGION
from local.intrinsics import Tree
from local.template import Resource, Template

_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)
_QUEUE_WITHOUT_MEANING = {
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "Tags",
}
_TABLE_REQUEST = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "ProvisionedThroughput",
)
_TABLE_WITHOUT_MEANING = {
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "StreamSpecification",  # nobody reads it here, and moto copies all that it ever held at every transaction
    "TableClass",
    "Tags",
}
_KEY_REQUEST = ("Description", "KeySpec", "KeyUsage")
_KEY_WITHOUT_MEANING = {
    "EnableKeyRotation",
    "Enabled",
    "KeyPolicy",
    "MultiRegion",
    "PendingWindowInDays",
    "RotationPeriodInDays",
    "Tags",
}


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: `attributes` is what CreateQueue takes. `visibility` is in seconds."""

    logical_id: str
    name: str
    attributes: Mapping[str, str]

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    def url(self, endpoint: str) -> str:
        return f"{endpoint}/{ACCOUNT}/{self.name}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `request` is what CreateTable takes, `ttl` the attribute that says when a row is garbage."""

    logical_id: str
    name: str
    request: Mapping[str, Tree]
    ttl: str | None

    @property
    def arn(self) -> str:
        return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{self.name}"


@dataclass(frozen=True, slots=True)
class VaultKey:
    """One KMS key: `request` is what CreateKey takes."""

    logical_id: str
    request: Mapping[str, str]


def queues_of(template: Template) -> tuple[Queue, ...]:
    """Read all queues. Those that are dead-letter queues of others come first, so that they can be created in order."""
    resources = template.of_type("AWS::SQS::Queue")
    arns = {f"{item.logical_id}.Arn": _arn_of_queue(template, item) for item in resources}
    queues = [_queue(template, item, arns) for item in resources]
    return tuple(sorted(queues, key=lambda queue: "RedrivePolicy" in queue.attributes))


def _arn_of_queue(template: Template, resource: Resource) -> str:
    return Queue(resource.logical_id, template.name_of(resource, "QueueName"), {}).arn


def _queue(template: Template, resource: Resource, arns: Mapping[str, str]) -> Queue:
    resource.only({"QueueName", *_QUEUE_ATTRIBUTES, *_QUEUE_WITHOUT_MEANING})
    properties = template.resolved(resource, arns, *_QUEUE_ATTRIBUTES)
    attributes = {
        name: json.dumps(value) if name == "RedrivePolicy" else str(value) for name, value in properties.items()
    }
    return Queue(resource.logical_id, template.name_of(resource, "QueueName"), attributes)


def tables_of(template: Template) -> tuple[Table, ...]:
    return tuple(_table(template, item) for item in template.of_type("AWS::DynamoDB::Table"))


def _table(template: Template, resource: Resource) -> Table:
    resource.only({"TableName", "TimeToLiveSpecification", *_TABLE_REQUEST, *_TABLE_WITHOUT_MEANING})
    request = template.resolved(resource, {}, *_TABLE_REQUEST)
    ttl = template.resolved(resource, {}, "TimeToLiveSpecification").get("TimeToLiveSpecification", {})
    name = template.name_of(resource, "TableName")
    return Table(resource.logical_id, name, request, ttl.get("AttributeName") if ttl.get("Enabled") else None)


def keys_of(template: Template) -> tuple[VaultKey, ...]:
    return tuple(_key(template, item) for item in template.of_type("AWS::KMS::Key"))


def _key(template: Template, resource: Resource) -> VaultKey:
    resource.only({*_KEY_REQUEST, *_KEY_WITHOUT_MEANING})
    return VaultKey(resource.logical_id, template.resolved(resource, {}, *_KEY_REQUEST))
