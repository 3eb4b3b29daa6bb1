"""What each function of the template may do: the table of least privilege, and nothing beside it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from tests.requirements import requirement
from tests.template import ROOT, Template, functions, many, named, of_type, sources, template
from tests.unit.test_template_functions import WIRED

Grants: TypeAlias = set[tuple[str, str]]

ROWS = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "PutItem", "Query", "UpdateItem")
LISTS = "${Table.Arn}/index/lists"
DUE = "${Table.Arn}/index/due"


@dataclass(frozen=True, slots=True)
class May:
    """What one function may do. `seal` and `open` are purposes of vault keys."""

    logs: str
    rows: bool = True
    due: bool = False
    seal: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    send: tuple[str, ...] = ()
    consume: tuple[str, ...] = ()
    postpone: tuple[str, ...] = ()

    def grants(self) -> Grants:
        table = {(f"dynamodb:{action}", "Table.Arn") for action in ROWS} | {("dynamodb:Query", LISTS)}
        return (
            {(f"logs:{action}", f"{self.logs}.Arn") for action in ("CreateLogStream", "PutLogEvents")}
            | (table if self.rows else set())
            | ({("dynamodb:Query", DUE)} if self.due else set())
            | {("kms:GenerateDataKey", purpose) for purpose in self.seal}
            | {("kms:Decrypt", purpose) for purpose in (*self.seal, *self.open)}
            | {("sqs:SendMessage", f"{queue}.Arn") for queue in self.send}
            | {("sqs:ChangeMessageVisibility", f"{queue}.Arn") for queue in self.postpone}
            | {
                (f"sqs:{action}", f"{queue}.Arn")
                for queue in self.consume
                for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
            }
        )


ALLOWED = {
    "AuthorizeFunction": May("AuthorizeLogGroup", seal=("authorization", "installation")),
    "CallbackFunction": May(
        "CallbackLogGroup", seal=("authorization", "connection"), open=("installation",), send=("RescueQueue",)
    ),
    "TokenFunction": May(
        "AuditLogGroup",
        seal=("connection",),
        open=("installation",),
        send=("RenewalQueue", "RescueQueue", "ChoreQueue"),
    ),
    "SweepFunction": May(
        "SweepLogGroup",
        rows=False,
        due=True,
        send=("SweepQueue", "RenewalQueue", "ChoreQueue"),
        consume=("SweepQueue",),
    ),
    "RenewFunction": May(
        "AuditLogGroup",
        seal=("connection",),
        open=("installation",),
        send=("RescueQueue",),
        consume=("RenewalQueue", "RescueQueue"),
        postpone=("RenewalQueue", "RescueQueue"),
    ),
    "InstallationsFunction": May("InstallationsLogGroup", seal=("installation",), send=("ChoreQueue",)),
    "RevokeFunction": May(
        "RevokeLogGroup", open=("connection", "installation"), send=("ChoreQueue",), consume=("ChoreQueue",)
    ),
    "WebFunction": May("WebLogGroup", rows=False),
}

VAULT_KEY = {"Fn::If": ["MakesVaultKey", {"Fn::GetAtt": ["VaultKey", "Arn"]}, {"Ref": "VaultKeyArn"}]}
DEPLOYMENT = "kms:EncryptionContext:deployment"
PURPOSE = "kms:EncryptionContext:purpose"


def statements(given: Template, function: str) -> list[dict[str, Any]]:
    role = named(functions(given)[function]["Role"]).removesuffix(".Arn")
    (policy,) = given["Resources"][role]["Properties"]["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def grants(given: Template, function: str) -> Grants:
    """Give all pairs of action and resource; for the vault key, its ARN stands for the purposes it is given for."""
    found: Grants = set()
    for statement in statements(given, function):
        for action in many(statement["Action"]):
            found |= {(action, where) for where in _where(statement, action)}
    return found


def _where(statement: Mapping[str, Any], action: str) -> list[str]:
    if not action.startswith("kms:"):
        return [named(resource) for resource in many(statement["Resource"])]
    conditions = statement.get("Condition", {}).get("StringEquals", {})
    if statement["Resource"] != VAULT_KEY or conditions.get(DEPLOYMENT) != {"Ref": "Deployment"}:
        return ["any key or deployment"]
    return many(conditions.get(PURPOSE, "any purpose"))


def privilege_findings(given: Template) -> list[str]:
    wrong = []
    for name in functions(given):
        wrong += [f"{name}: {action} on {where}" for action, where in grants(given, name) ^ ALLOWED[name].grants()]
        wrong += [f"{name}: {item['Effect']}" for item in statements(given, name) if item["Effect"] != "Allow"]
    return sorted(wrong)


def role_findings(given: Template) -> list[str]:
    """Each function has a role of its own, written out; SAM's own policies and managed ones are broader."""
    roles = [named(it.get("Role")) for it in functions(given).values()]
    wrong = [name for name, it in functions(given).items() if "Policies" in it or "Role" not in it]
    wrong += [name for name, it in of_type(given, "AWS::IAM::Role").items() if "ManagedPolicyArns" in it]
    return wrong + [role for role in roles if roles.count(role) > 1]


def test_no_function_may_do_more_or_less_than_the_table_says() -> None:
    assert privilege_findings(template()) == []


def _any_action(given: Template) -> None:
    statements(given, "TokenFunction")[1]["Action"] = "dynamodb:*"


def _any_row(given: Template) -> None:
    statements(given, "SweepFunction")[1]["Resource"] = "*"


def _any_queue(given: Template) -> None:
    statements(given, "RenewFunction")[-1]["Resource"] = "*"


def _any_log(given: Template) -> None:
    statements(given, "SweepFunction")[0]["Resource"] = "arn:aws:logs:*:*:*"


@pytest.mark.parametrize("change", [_any_action, _any_row, _any_queue, _any_log])
def test_a_wider_grant_is_found(change: Callable[[Template], None]) -> None:
    given = template()

    change(given)

    assert privilege_findings(given)


@requirement("attack:C8")
def test_functions_use_the_vault_key_for_this_deployment_and_their_purposes_only() -> None:
    openers = {
        name: {where for action, where in grants(template(), name) if action == "kms:Decrypt"}
        for name in functions(template())
    }

    assert openers["SweepFunction"] == set()
    assert openers["InstallationsFunction"] == {"installation"}
    assert {name for name, purposes in openers.items() if "authorization" in purposes} == {
        "AuthorizeFunction",
        "CallbackFunction",
    }
    assert "connection" not in openers["AuthorizeFunction"]


def _condition(given: Template) -> Any:
    return next(it for it in statements(given, "AuthorizeFunction") if "Condition" in it)["Condition"]["StringEquals"]


@requirement("attack:C8")
@pytest.mark.parametrize("forgotten", [DEPLOYMENT, PURPOSE])
def test_a_grant_on_the_vault_key_without_its_condition_is_found(forgotten: str) -> None:
    given = template()

    del _condition(given)[forgotten]

    assert any("AuthorizeFunction: kms:Decrypt on any" in finding for finding in privilege_findings(given))


@requirement("attack:C8")
def test_another_purpose_is_found() -> None:
    given = template()

    _condition(given)[PURPOSE].append("connection")

    assert "AuthorizeFunction: kms:Decrypt on connection" in privilege_findings(given)


def test_each_function_has_a_role_of_its_own_that_is_written_out() -> None:
    assert role_findings(template()) == []
    assert set(of_type(template(), "AWS::IAM::Role")) == {name.replace("Function", "Role") for name in ALLOWED}


def test_a_shared_role_and_a_broad_policy_template_are_found() -> None:
    shared, broad = template(), template()

    shared["Resources"]["TokenFunction"]["Properties"]["Role"] = {"Fn::GetAtt": ["RenewRole", "Arn"]}
    broad["Resources"]["TokenFunction"]["Properties"]["Policies"] = [{"DynamoDBCrudPolicy": {"TableName": "Table"}}]

    assert role_findings(shared)
    assert role_findings(broad) == ["TokenFunction"]


def test_only_lambda_takes_the_roles() -> None:
    trust = {str(it["AssumeRolePolicyDocument"]) for it in of_type(template(), "AWS::IAM::Role").values()}

    (document,) = trust
    assert "{'Service': 'lambda.amazonaws.com'}" in document


def test_who_consumes_a_queue_may_and_nobody_else() -> None:
    wired = {(name, named(source["Queue"]).removesuffix(".Arn")) for name, source in sources(template())}

    assert wired == {(name, queue) for name, may in ALLOWED.items() for queue in may.consume}


def test_every_queue_that_a_function_opens_is_one_that_it_may_use() -> None:
    for name, may in ALLOWED.items():
        may_use = {queue.removesuffix("Queue").lower() for queue in (*may.send, *may.consume, *may.postpone)}
        assert may_use == set(WIRED[name]["queues"]), name


def test_a_function_may_use_the_vault_key_if_it_opens_the_vault() -> None:
    for name, may in ALLOWED.items():
        assert bool(may.seal or may.open) == WIRED[name].get("vault", True), name


def test_the_table_is_granted_for_exactly_what_the_adapter_asks_of_it() -> None:
    source = (ROOT / "layers/common/python/strongroom/adapters/dynamo.py").read_text()
    called = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self._client"
    }

    # A transaction is allowed by the actions of its single writes.
    expected = {"".join(part.capitalize() for part in name.split("_")) for name in called - {"transact_write_items"}}
    assert expected | {"ConditionCheckItem"} == set(ROWS)


def test_the_vault_key_is_administered_by_the_account_and_used_in_this_deployments_context_only() -> None:
    assert key_findings(template()) == []


def key_findings(given: Template) -> list[str]:
    """Give the actions of the key's policy that use the key, or let somebody use it, without the condition."""
    using = {"Encrypt", "Decrypt", "GenerateDataKey", "ReEncrypt", "CreateGrant", "Sign", "DeriveSharedSecret"}
    wrong = []
    for statement in given["Resources"]["VaultKey"]["Properties"]["KeyPolicy"]["Statement"]:
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        bound = conditions == {
            DEPLOYMENT: {"Ref": "Deployment"},
            PURPOSE: ["authorization", "connection", "installation"],
        }
        for action in many(statement["Action"]):
            if not bound and ("*" in action or any(action.startswith(f"kms:{name}") for name in using)):
                wrong.append(action)
    return wrong


@requirement("attack:C8")
@pytest.mark.parametrize("action", ["kms:*", "kms:Decrypt", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"])
def test_a_way_around_the_context_in_the_keys_policy_is_found(action: str) -> None:
    given = copy.deepcopy(template())

    given["Resources"]["VaultKey"]["Properties"]["KeyPolicy"]["Statement"][0]["Action"].append(action)

    assert key_findings(given) == [action]
