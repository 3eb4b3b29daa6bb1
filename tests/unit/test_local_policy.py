"""How the local API matches IAM policies: as IAM does, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from local.errors import LocalError
from local.iam_policy import API_ID, Policy, allows, invoke_arn

ARN = invoke_arn("POST", "/v1/satellite/teams/acme/installations/x/token")


def policy_of(*statements: dict[str, Any]) -> Policy:
    usual = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": ARN}
    return {"Version": "2012-10-17", "Statement": [{**usual, **one} for one in statements]}


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (None, True),
        (policy_of(), False),
        (policy_of({}), True),
        ({"Statement": policy_of({})["Statement"][0]}, True),
        (policy_of({"Action": "*"}), True),
        (policy_of({"Action": ["lambda:InvokeFunction", "EXECUTE-API:invoke"]}), True),
        (policy_of({"Action": "execute-api:Inv"}), False),
        (policy_of({"Resource": ARN.replace("token", "*")}), True),
        (policy_of({"Resource": ARN.replace("/token", "?token")}), True),
        (policy_of({"Resource": ARN.replace("acme", "ACME")}), False),
        (policy_of({"Resource": ARN.replace("POST", "GET")}), False),
        (policy_of({"Resource": ARN.replace("POST", "*")}), True),
        (policy_of({"Resource": ARN + "/"}), False),
        (policy_of({"Resource": ARN[:-1]}), False),
        (policy_of({"Resource": ARN.replace(API_ID, "another")}), False),
        (policy_of({"Resource": ARN.replace("acme", "ac.e")}), False),
        (policy_of({"Resource": [ARN + "x", ARN]}), True),
        (policy_of({}, {"Effect": "Deny"}), False),
        (policy_of({}, {"Effect": "Deny", "Resource": ARN + "x"}), True),
    ],
)  # fmt: skip
def test_a_policy_allows_what_an_allow_matches_and_no_deny_does(policy: Policy | None, allowed: bool) -> None:
    assert allows(policy, ARN) is allowed


@pytest.mark.parametrize("more", [{"Condition": {}}, {"NotResource": "x"}, {"Principal": "*"}, {"Effect": "allow"}])
def test_what_is_not_understood_of_a_policy_is_not_guessed(more: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        allows(policy_of(more), ARN)
