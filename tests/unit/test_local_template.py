"""The template reader of the local machine: values, conditions, and an error for what it does not understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.api import Cors, JwtRules, api_of
from local.functions import Function, functions_of, local_values
from local.intrinsics import Scope, TemplateError, resolve
from local.plan import ROOT, Pace, Ports, demo_parameters
from local.schedule import seconds_between
from local.sources import QueueSource, Route, ScheduleSource
from local.storage import keys_of, queues_of, tables_of
from local.template import Template, load_template

AWS = "http://127.0.0.1:8401"
KEY = "arn:aws:kms:us-east-1:123456789012:key/one"

SMALL = """
Parameters:
  Size: {{ Type: Number, Default: 3 }}
  Origins: {{ Type: CommaDelimitedList, Default: "a, b" }}
  Key: {{ Type: String, Default: "" }}
Conditions:
  MakesKey: !Equals [!Ref Key, ""]
  Never: !Not [!Condition MakesKey]
Globals:
  Function:
    Timeout: 7
    Environment: {{ Variables: {{ SHARED: yes it is, OWN: global }} }}
Resources:
  VaultKey: {{ Type: AWS::KMS::Key, Condition: MakesKey, Properties: {{ Description: d, EnableKeyRotation: true }} }}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{{ AttributeName: PK, AttributeType: S }}]
      KeySchema: [{{ AttributeName: PK, KeyType: HASH }}]
      BillingMode: PAY_PER_REQUEST
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 30
      RedrivePolicy: {{ deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }}
  Dead: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: !Sub "${{AWS::StackName}}-dead" }} }}
  Doer:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/doer
      Handler: app.handler
      Environment:
        Variables:
          OWN: !Sub "${{Size}} of ${{AWS::Region}} ${{!literal}}"
          QUEUE: !Ref Work
          TABLE: !Ref Things
          KEY: !If [MakesKey, !GetAtt VaultKey.Arn, !Ref Key]
      Events: {events}
  {more}
"""


def small(tmp_path: Path, events: str = "{}", more: str = "", **parameters: str) -> Template:
    path = tmp_path / "template.yaml"
    path.write_text(SMALL.format(events=events, more=more), "utf-8")
    return load_template(path, parameters)


def doer(template: Template) -> Function:
    keys = {key.logical_id: KEY for key in keys_of(template)}
    [function] = functions_of(template, local_values(template, AWS, keys))
    return function


def ours() -> tuple[Template, tuple[Function, ...]]:
    template = load_template(ROOT / "template.yaml", demo_parameters(Ports(8400), Pace()))
    return template, functions_of(template, local_values(template, AWS, {"VaultKey": KEY}))


def test_environments_are_resolved_and_globals_merged(tmp_path: Path) -> None:
    function = doer(small(tmp_path))
    assert function.timeout == 7
    assert function.folder == tmp_path / "functions" / "doer"
    assert function.environment == {
        "SHARED": "yes it is",
        "OWN": "3 of us-east-1 ${literal}",
        "QUEUE": f"{AWS}/123456789012/strongroom-Work",
        "TABLE": "strongroom-Things",
        "KEY": KEY,
    }


def test_a_resource_whose_condition_is_false_is_not_there(tmp_path: Path) -> None:
    template = small(tmp_path, Key="arn:of:another")
    assert keys_of(template) == ()
    assert doer(template).environment["KEY"] == "arn:of:another"


def test_queues_come_after_their_dead_letter_queues(tmp_path: Path) -> None:
    dead, work = queues_of(small(tmp_path))
    assert (dead.name, work.name) == ("strongroom-dead", "strongroom-Work")
    assert work.attributes["VisibilityTimeout"] == "30"
    assert dead.arn in work.attributes["RedrivePolicy"]


def test_routes_queues_and_schedules_are_read_from_the_events(tmp_path: Path) -> None:
    events = """
        Hook: { Type: HttpApi, Properties: { Method: get, Path: /hook } }
        Queue:
          Type: SQS
          Properties: { Queue: !GetAtt Work.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures] }
        Tick: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(5 minutes), Input: '{"a":1}' } }"""
    function = doer(small(tmp_path, events))
    assert function.routes == (Route("GET", "/hook", None),)
    assert function.queues == (QueueSource("arn:aws:sqs:us-east-1:123456789012:strongroom-Work", 5, partial=True),)
    assert function.schedules == (ScheduleSource("DoerTick", "rate(5 minutes)", '{"a":1}'),)
    assert seconds_between(function.schedules[0]) == 300


@pytest.mark.parametrize(
    ("events", "more", "words"),
    [
        ("{ Stream: { Type: DynamoDB, Properties: {} } }", "", "Doer: event Stream of type DynamoDB"),
        ("{ Hook: { Type: HttpApi, Properties: { Methods: GET } } }", "", "Doer: event Hook: Methods"),
        ("{}", "Bus: { Type: AWS::Events::EventBus }", "Bus: resources of type AWS::Events::EventBus"),
        ("{}", "Odd: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }", "Odd: FifoQueue"),
        ("{}", "Odd: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: !Cidr [a] } }", "Odd: Fn::Cidr"),
        ("{}", "Odd: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: !Ref Nobody } }", "Odd: Nobody"),
        ("{}", "Odd: { Type: AWS::SQS::Queue, Condition: Nowhere }", "Odd: there is no condition Nowhere"),
        ("{}", "Odd: { Type: AWS::SQS::Queue, Transform: x }", "Odd: Transform"),
        ("{}", "Things: { Type: AWS::SQS::Queue }", "repeats the key"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_it(tmp_path: Path, events: str, more: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        queues_of(read := small(tmp_path, events, more)) and doer(read)


def test_parameters_need_a_value_and_overrides_a_parameter(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="parameter overrides: Nobody"):
        small(tmp_path, Nobody="x")
    (tmp_path / "bare.yaml").write_text("Parameters: { Issuer: { Type: String } }", "utf-8")
    with pytest.raises(TemplateError, match="Issuer: the parameter has no default"):
        load_template(tmp_path / "bare.yaml")


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}, "a-n"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Sub": ["${A}${Name}", {"A": {"Ref": "Name"}}]}, "nn"),
        ([{"Ref": "AWS::NoValue"}, "x"], ["x"]),
        ({"kept": 1, "left out": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        ({"Fn::And": [{"Fn::Equals": [1, "1"]}, {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}]}, True),
        ({"Fn::Or": [{"Fn::Equals": [1, 2]}, {"Fn::Equals": ["a", "b"]}]}, False),
    ],
)
def test_intrinsic_functions_give_what_cloudformation_gives(tree: object, value: object) -> None:
    assert resolve(tree, Scope({"Name": "n"}, {}), "somebody") == value


def test_our_own_template_is_understood_whole() -> None:
    template, functions = ours()
    api = api_of(template, local_values(template, AWS, {"VaultKey": KEY}), functions)
    assert {function.logical_id for function in functions} == {
        "AuthorizeFunction",
        "CallbackFunction",
        "InstallationsFunction",
        "RenewFunction",
        "RevokeFunction",
        "SweepFunction",
        "TokenFunction",
        "WebFunction",
    }
    assert api.authorizers == {"SignIn": JwtRules("http://127.0.0.1:8402", ("strongroom-api",))}
    assert isinstance(api.cors, Cors)
    assert api.cors.origins == ("http://127.0.0.1:8405",)
    assert [table.ttl for table in tables_of(template)] == ["ttl"]


def test_our_own_functions_are_called_through_live_and_have_code_and_layer_here() -> None:
    _, functions = ours()
    assert {function.alias for function in functions} == {"live"}
    assert {layer for function in functions for layer in function.layers} == {ROOT / "layers/common/python"}
    assert [function.schedules[0].expression for function in functions if function.schedules] == ["rate(5 minutes)"]


def test_our_own_routes_have_the_authorizers_of_the_interface() -> None:
    _, functions = ours()
    found = {route.key: route for function in functions for route in function.routes}
    assert found["GET /oauth/callback/{provider_key}"].authorizer is None
    assert {route.authorizer for key, route in found.items() if "/v1/satellite/" in key or "/v1/host/" in key} == {
        "AWS_IAM"
    }
    people = {route for key, route in found.items() if " /v1/teams/" in key or " /v1/authorizations/" in key}
    assert {(route.authorizer, route.scopes) for route in people} == {("SignIn", ("strongroom",))}
