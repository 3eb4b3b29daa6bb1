"""What the template keeps: the table, the key, the queues, and what survives the stack."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.adapters.dynamo_expressions import INDEX_KEYS, INDEX_NAMES
from tests.fakes.table import PROJECTED
from tests.template import Template, named, of_type, template

SURVIVORS = {"Table", "VaultKey", "AuditLogGroup", "RescueQueue", "RescueDeadLetterQueue"}
PAIRS = {
    "SweepQueue": "SweepDeadLetterQueue",
    "RenewalQueue": "RenewalDeadLetterQueue",
    "RescueQueue": "RescueDeadLetterQueue",
    "ChoreQueue": "ChoreDeadLetterQueue",
}
FOURTEEN_DAYS = 14 * 24 * 3600


def table(given: Template) -> Any:
    return given["Resources"]["Table"]["Properties"]


def survival_findings(given: Template) -> list[str]:
    def kept(name: str) -> bool:
        resource = given["Resources"][name]
        return {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} == {"Retain"}

    return sorted(name for name in SURVIVORS if not kept(name))


def queue_findings(given: Template) -> list[str]:
    """A queue without a dead-letter queue, encryption or the rule that only TLS reaches it."""
    queues = of_type(given, "AWS::SQS::Queue")
    over_tls = of_type(given, "AWS::SQS::QueuePolicy")["QueuesOnlyOverTls"]
    wrong = [name for name, it in queues.items() if not it.get("SqsManagedSseEnabled")]
    wrong += [name for name in queues if {"Ref": name} not in over_tls["Queues"]]
    dead = {
        name: named(it["RedrivePolicy"]["deadLetterTargetArn"]) for name, it in queues.items() if "RedrivePolicy" in it
    }
    return wrong + [name for name, other in PAIRS.items() if dead.get(name) != f"{other}.Arn"]


def test_rows_are_found_by_their_key_and_in_both_indexes() -> None:
    given = table(template())
    schemas = {
        it["IndexName"]: [key["AttributeName"] for key in it["KeySchema"]] for it in given["GlobalSecondaryIndexes"]
    }

    assert [key["AttributeName"] for key in given["KeySchema"]] == list(INDEX_KEYS["table"])
    assert schemas == {INDEX_NAMES[name]: list(INDEX_KEYS[name]) for name in ("due", "g1")}
    assert {it["AttributeName"]: it["AttributeType"] for it in given["AttributeDefinitions"]} == {
        "PK": "S",
        "SK": "S",
        "due_shard": "S",
        "due_at": "N",
        "g1pk": "S",
        "g1sk": "S",
    }


def test_the_indexes_hold_what_the_flows_read_from_them_and_no_token() -> None:
    indexes = {it["IndexName"]: it["Projection"] for it in table(template())["GlobalSecondaryIndexes"]}

    for name in ("due", "g1"):
        keys = {"PK", "SK", *INDEX_KEYS[name]}
        assert set(indexes[INDEX_NAMES[name]]["NonKeyAttributes"]) == set(PROJECTED[name]) - keys
        assert indexes[INDEX_NAMES[name]]["ProjectionType"] == "INCLUDE"


def test_an_index_has_a_name_that_dynamodb_takes() -> None:
    assert all(3 <= len(it["IndexName"]) <= 255 for it in table(template())["GlobalSecondaryIndexes"])


def test_the_table_costs_what_is_used_and_can_be_brought_back() -> None:
    given = table(template())

    assert given["BillingMode"] == "PAY_PER_REQUEST"
    assert given["DeletionProtectionEnabled"] is True
    assert given["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert given["SSESpecification"] == {"SSEEnabled": True}
    assert given["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_no_ciphertext_leaves_the_table_in_its_stream() -> None:
    assert table(template())["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_the_vault_key_is_rotated_and_made_only_if_none_is_named() -> None:
    given = template()

    assert given["Resources"]["VaultKey"]["Properties"]["EnableKeyRotation"] is True
    assert given["Resources"]["VaultKey"]["Condition"] == "MakesVaultKey"
    assert given["Conditions"]["MakesVaultKey"] == {"Fn::Equals": [{"Ref": "VaultKeyArn"}, ""]}


def test_what_cannot_be_made_again_survives_the_stack() -> None:
    assert survival_findings(template()) == []


@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
@pytest.mark.parametrize("name", sorted(SURVIVORS))
def test_what_would_not_survive_is_found(name: str, policy: str) -> None:
    given = template()

    del given["Resources"][name][policy]

    assert survival_findings(given) == [name]


def test_every_queue_is_encrypted_reached_over_tls_and_has_a_dead_letter_queue() -> None:
    assert queue_findings(template()) == []


def test_a_queue_without_any_of_these_is_found() -> None:
    plain, open_, lone = template(), template(), template()

    del plain["Resources"]["RescueQueue"]["Properties"]["SqsManagedSseEnabled"]
    open_["Resources"]["QueuesOnlyOverTls"]["Properties"]["Queues"].remove({"Ref": "RescueQueue"})
    del lone["Resources"]["RescueQueue"]["Properties"]["RedrivePolicy"]

    assert queue_findings(plain) == queue_findings(open_) == queue_findings(lone) == ["RescueQueue"]


def test_the_rule_for_tls_refuses_everybody_everything_else() -> None:
    (rule,) = of_type(template(), "AWS::SQS::QueuePolicy")["QueuesOnlyOverTls"]["PolicyDocument"]["Statement"]

    assert (rule["Effect"], rule["Principal"], rule["Action"]) == ("Deny", "*", "sqs:*")
    assert rule["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_renewed_tokens_wait_for_fourteen_days() -> None:
    queues = of_type(template(), "AWS::SQS::Queue")

    assert queues["RescueQueue"]["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert all(queues[name]["MessageRetentionPeriod"] == FOURTEEN_DAYS for name in queues if "DeadLetter" in name)


def test_a_message_that_keeps_failing_reaches_its_dead_letter_queue_before_it_is_too_old() -> None:
    for name, it in of_type(template(), "AWS::SQS::Queue").items():
        if name in PAIRS:
            failing = it["RedrivePolicy"]["maxReceiveCount"] * it["VisibilityTimeout"]
            assert failing < it["MessageRetentionPeriod"] / 2, name


def test_somebody_is_told_of_every_dead_letter() -> None:
    alarms = of_type(template(), "AWS::CloudWatch::Alarm").values()
    watched = {named(it["Dimensions"][0]["Value"]) for it in alarms if it["Namespace"] == "AWS/SQS"}

    dead = {name for name in of_type(template(), "AWS::SQS::Queue") if "DeadLetter" in name}
    assert watched == {f"{name}.QueueName" for name in dead}
    assert all(it["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic" for it in alarms)
