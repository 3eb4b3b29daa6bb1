"""What an operator gives the template: described, constrained, and right in the files that come with it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.template import ROOT, template

BAD = {
    "Issuer": [
        "http://login.example.com/",
        "https://login.example.com/?a=b",
        "login.example.com",
        "https://a.example/#x",
    ],
    "Audience": ["", "a b", "a,b"],
    "Scope": ["", "a b", 'a"b', "a\\b"],
    "PublicUrl": ["http://a.example", "https://a.example/", "https://a.example/x", "https://A.example", "a.example"],
    "DomainName": ["https://a.example", "A.example", "a", "-a.example", "a.example."],
    "CertificateArn": ["certificate/1", "arn:aws:iam::123456789012:server-certificate/x"],
    "WebClientUrl": ["http://a.example/", "https://a.example/?x", "https://a.example/#x"],
    "WebClientId": ["a b", "a\n", "ä", "a" * 256],
    "SignInOrigins": ["*", "http://a.example", "https://a.example/", "https://a.example; script-src *"],
    "SignInScopes": [" email", "email ", "email  profile", "a\tb", 'a"b', "a\\b", "\u00e4"],
    "SignInParameters": ["audience", "=a", "a=", "a=b,", "a=b, c=d", "a=b c", "a b=c", "a=ä"],
    "EndpointOrigins": [
        "https://id.example",
        "https://id.example=oauth.example",
        "https://id.example/=https://oauth.example",
        "https://id.example=http://oauth.example",
        "https://id.example=https://oauth.example, https://a.example=https://b.example",
        "https://*.example=https://oauth.example",
    ],
    "RestoredAt": ["", "-1", "1", "2026-11-22", "1800000000000", "0800000000"],
    "Deployment": ["", "1st", "Strong", "a" * 64],
    "VaultKeyArn": ["alias/x", "arn:aws:kms:us-east-1:123456789012:alias/strongroom", "mrk-1"],
    "AlarmTopicArn": ["topic", "arn:aws:sqs:us-east-1:123456789012:q"],
}
GOOD = {
    "Issuer": ["https://login.example.com/", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"],
    "Audience": ["strongroom-api", "api://0f8fad5b-d9cb-469f-a165-70867728950e"],
    "Scope": ["strongroom", "https://strongroom.example.com/use"],
    "PublicUrl": ["", "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", "https://a.example:8443"],
    "DomainName": ["", "strongroom.example.com"],
    "CertificateArn": ["", "arn:aws:acm:eu-west-1:123456789012:certificate/0f8fad5b-d9cb-469f-a165-70867728950e"],
    "WebClientUrl": ["", "https://app.example.com", "https://app.example.com/connections"],
    "WebClientId": ["", "strongroom-web", "0f8fad5b-d9cb-469f-a165-70867728950e", 'odd"client'],
    "SignInOrigins": ["", "https://login.example.com", "https://a.auth.eu-west-1.amazoncognito.com,https://b.example"],
    "SignInScopes": ["", "email", "email profile", "https://a.example/scope"],
    "SignInParameters": ["", "audience=https://strongroom.example.com/", "audience=a-b_c.d,connection=x=y"],
    "EndpointOrigins": [
        "",
        "https://id.example=https://oauth.example",
        "https://id.example=https://oauth.example:8443,https://a.example=https://b.example",
    ],
    "RestoredAt": ["0", "1800000000"],
    "Deployment": ["strongroom", "strongroom-production-2"],
    "VaultKeyArn": ["", "arn:aws:kms:us-east-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"],
    "AlarmTopicArn": ["", "arn:aws:sns:us-east-1:123456789012:alarms"],
}


def parameters() -> dict[str, Any]:
    found: dict[str, Any] = template()["Parameters"]
    return found


def production() -> dict[str, str]:
    """Give the parameters of the production environment of samconfig.toml."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = configured["production"]["deploy"]["parameters"]["parameter_overrides"]
    return dict(item.split("=", 1) for item in given)


def fits(name: str, value: str) -> bool:
    """Decide as CloudFormation does whether the parameter takes the value."""
    rule = parameters()[name]
    if "AllowedValues" in rule:
        return value in [str(allowed) for allowed in rule["AllowedValues"]]
    if rule["Type"] == "Number":
        return bool(rule.get("MinValue", 0) <= float(value) <= rule.get("MaxValue", float("inf")))
    return re.fullmatch(rule["AllowedPattern"], value) is not None


@pytest.mark.parametrize("name", list(template()["Parameters"]))
def test_every_parameter_is_described_and_constrained(name: str) -> None:
    rule = parameters()[name]

    assert len(rule["Description"]) > 20
    assert rule["ConstraintDescription"].startswith("must be ")
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(rule)
    assert "Default" not in rule or fits(name, str(rule["Default"]))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_wrong_value_is_refused_before_anything_is_deployed(name: str, value: str) -> None:
    assert not fits(name, value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_a_right_value_is_taken(name: str, value: str) -> None:
    assert fits(name, value)


def test_only_what_nobody_can_guess_has_no_default() -> None:
    assert {name for name, rule in parameters().items() if "Default" not in rule} == {"Issuer"}


def test_every_parameter_is_shown_to_who_deploys_by_hand() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]

    assert sorted(shown) == sorted(parameters())


def test_a_domain_and_its_certificate_belong_together_and_replace_the_public_url() -> None:
    rules = template()["Rules"]
    empty = {name: {"Fn::Equals": [{"Ref": name}, ""]} for name in ("DomainName", "CertificateArn", "PublicUrl")}

    assert rules["DomainNeedsCertificate"]["RuleCondition"] == {"Fn::Not": [empty["DomainName"]]}
    assert [it["Assert"] for it in rules["DomainNeedsCertificate"]["Assertions"]] == [
        {"Fn::Not": [empty["CertificateArn"]]},
        empty["PublicUrl"],
    ]
    assert rules["CertificateNeedsDomain"]["RuleCondition"] == {"Fn::Not": [empty["CertificateArn"]]}
    assert [it["Assert"] for it in rules["CertificateNeedsDomain"]["Assertions"]] == [
        {"Fn::Not": [empty["DomainName"]]}
    ]


def test_browsers_are_sent_to_a_page_that_is_there() -> None:
    rule = template()["Rules"]["OwnPageNeedsClient"]

    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "WebClientUrl"}, ""]}
    assert [it["Assert"] for it in rule["Assertions"]] == [{"Fn::Not": [{"Fn::Equals": [{"Ref": "WebClientId"}, ""]}]}]


def test_the_production_environment_gives_values_that_the_template_takes() -> None:
    given = production()

    assert set(given) <= set(parameters())
    assert {name for name, rule in parameters().items() if "Default" not in rule} <= set(given)
    assert [name for name, value in given.items() if not fits(name, value)] == []


def test_both_environments_can_create_roles_and_ask_before_they_change_anything() -> None:
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())

    for name in ("default", "production"):
        deploy = configured[name]["deploy"]["parameters"]
        assert deploy["capabilities"] == "CAPABILITY_IAM"
        assert deploy["confirm_changeset"] is True
        assert deploy["resolve_s3"] is True


def test_every_output_is_described_and_asks_for_what_it_needs() -> None:
    for output in template()["Outputs"].values():
        assert output["Description"].endswith(".")
        if output["Value"] in ({"Ref": "DirectAlias"}, {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}):
            assert "Condition" in output
