"""The functions of the template: what each is, what it is told, what wakes it, and that settings reach it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from local.functions import functions_of, local_values
from local.template import load_template
from strongroom.aws.queue import is_schedule
from strongroom.aws.web_page import PATH, SIGNED_IN, open_site
from strongroom.aws.wiring import wire
from strongroom.domain.errors import SettingsError
from tests.requirements import requirement
from tests.settings import SETTINGS
from tests.template import ROOT, Template, environment, functions, named, of_type, schedules, sources, template

WHERE = {
    "AuthorizeFunction": ("functions/authorize", "app.lambda_handler"),
    "CallbackFunction": ("functions/callback", "app.lambda_handler"),
    "TokenFunction": ("functions/token", "app.lambda_handler"),
    "SweepFunction": ("functions/refresh", "sweep.lambda_handler"),
    "RenewFunction": ("functions/refresh", "renew.lambda_handler"),
    "InstallationsFunction": ("functions/installations", "app.lambda_handler"),
    "RevokeFunction": ("functions/revoke", "app.lambda_handler"),
    "WebFunction": ("functions/web", "app.lambda_handler"),
}

EVERYWHERE = {"DEPLOYMENT", "TABLE", "PUBLIC_URL"}
PEOPLE = {"WEB_CLIENT_URL", "ISSUER"}
DUE = {"SHARDS", "RENEW_AHEAD", "SHORT_LIVED", "IDLE_AFTER", "EXERCISE_AFTER"}
TOLD = {
    "AuthorizeFunction": {"VAULT_KEY", "WEB_ORIGINS", "ENDPOINT_ORIGINS", *PEOPLE},
    "CallbackFunction": {"VAULT_KEY", "WEB_ORIGINS", "RESCUE_QUEUE", *PEOPLE, *DUE},
    "TokenFunction": {"VAULT_KEY", "RENEWAL_QUEUE", "RESCUE_QUEUE", "CHORE_QUEUE", "RESTORED_AT", *PEOPLE, *DUE},
    "SweepFunction": {"SWEEP_QUEUE", "RENEWAL_QUEUE", "CHORE_QUEUE", "SHARDS"},
    "RenewFunction": {"VAULT_KEY", "RENEWAL_QUEUE", "RESCUE_QUEUE", "RESTORED_AT", *DUE},
    "InstallationsFunction": {"VAULT_KEY", "ENDPOINT_ORIGINS", "RESTORED_AT", "CHORE_QUEUE", "SHARDS", *PEOPLE},
    "RevokeFunction": {"VAULT_KEY", "CHORE_QUEUE", "SHARDS"},
    "WebFunction": {"ISSUER", "SCOPE", "WEB_CLIENT_ID", "SIGN_IN_ORIGINS", "SIGN_IN_SCOPES", "SIGN_IN_PARAMETERS"},
}
WITHOUT_TABLE = ("WebFunction",)

FOR_PEOPLE = ("AuthorizeFunction", "CallbackFunction", "TokenFunction", "InstallationsFunction")
AUDITED = ("TokenFunction", "RenewFunction")
API_GATEWAY_ENDS_AFTER = 30
SETTINGS_NUMBER = "${Settings.VersionNumber}"


def _wired(name: str) -> dict[str, Any]:
    """Give what the function's module asks of `wire`, without starting it; one that does not ask is given nothing."""
    folder, handler = WHERE[name]
    tree = ast.parse((ROOT / folder / f"{handler.partition('.')[0]}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "wire"]
    if not calls:
        return {"queues": (), "vault": False}
    asked = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in calls[0].keywords}
    return {"function": ast.literal_eval(calls[0].args[0]), "queues": (), **asked}


WIRED = {name: _wired(name) for name in WHERE}


def start(name: str, settings: dict[str, str]) -> object:
    """Start a function as its module does."""
    if WHERE[name][0] == "functions/web":
        return open_site(ROOT / "web", settings)
    return wire(environment=settings, **WIRED[name])


def told(given: Template, name: str) -> dict[str, str]:
    """Give a function's environment with the tests' values put in."""
    return {variable: SETTINGS[variable] for variable in environment(given, name)}


def visibility_findings(given: Template) -> list[str]:
    """A message comes back only after its worker has ended: six times later, or for a renewal soon after."""
    queues, wrong = of_type(given, "AWS::SQS::Queue"), []
    for name, source in sources(given):
        queue = named(source["Queue"]).removesuffix(".Arn")
        timeout, hidden = functions(given)[name]["Timeout"], queues[queue]["VisibilityTimeout"]
        if not (timeout == 25 and hidden == 30 if name == "RenewFunction" else hidden == 6 * timeout):
            wrong.append(queue)
    return wrong


def schedule_findings(given: Template) -> list[str]:
    found = [(name, event["ScheduleExpression"]) for name, event in schedules(given)]
    return [] if found == [("SweepFunction", "rate(5 minutes)")] else [str(found)]


def environment_findings(given: Template) -> list[str]:
    wrong = []
    for name in functions(given):
        has = set(environment(given, name))
        needs = TOLD[name] | EVERYWHERE - ({"TABLE"} if name in WITHOUT_TABLE else set())
        wrong += sorted(f"{name}: {odd}" for odd in has ^ {f"STRONGROOM_{it}" for it in needs})
    return wrong


def _parameters_in(tree: Any, given: Template) -> Iterator[str]:
    """Name every parameter that an expression depends on, through the conditions that it asks too."""
    if isinstance(tree, list):
        for item in tree:
            yield from _parameters_in(item, given)
    elif isinstance(tree, dict):
        for form, argument in tree.items():
            if form == "Ref" and argument in given["Parameters"]:
                yield argument
            elif form == "Fn::Sub":
                text = argument if isinstance(argument, str) else argument[0]
                yield from (it for it in re.findall(r"\$\{(\w+)\}", text) if it in given["Parameters"])
                yield from _parameters_in([] if isinstance(argument, str) else argument[1], given)
            elif form == "Fn::If":
                yield from _parameters_in(given["Conditions"][argument[0]], given)
                yield from _parameters_in(argument[1:], given)
            else:
                yield from _parameters_in(argument, given)


def settings_findings(given: Template) -> list[str]:
    """Give what could change in a function without a new version of it, so that `live` would not have it."""
    content = given["Resources"]["Settings"]["Properties"]["Content"]
    covered = set(_parameters_in(content, given))
    wrong = []
    for name, properties in functions(given).items():
        configuration = [environment(given, name), properties.get("SnapStart")]
        wrong += [f"{name}: {it}" for it in sorted(set(_parameters_in(configuration, given)) - covered)]
        for part in ("Description", "VersionDescription"):
            if SETTINGS_NUMBER not in named(properties.get(part)):
                wrong.append(f"{name}: {part}")
    return wrong


def test_the_functions_are_where_the_template_says() -> None:
    assert {name: (it["CodeUri"], it["Handler"]) for name, it in functions(template()).items()} == WHERE


@pytest.mark.parametrize("name", list(WHERE))
def test_every_function_can_be_built_on_any_machine(name: str) -> None:
    given = template()["Resources"][name]

    assert given["Metadata"] == {"BuildMethod": "makefile"}
    assert f"build-{name}" in (ROOT / given["Properties"]["CodeUri"] / "Makefile").read_text()


def test_the_layer_is_built_the_same_way_and_its_folder_is_not_doubled() -> None:
    layer = template()["Resources"]["CommonLayer"]

    assert layer["Metadata"]["BuildMethod"] == "makefile"
    assert layer["Properties"]["ContentUri"] == "layers/common"
    assert "build-CommonLayer" in (ROOT / "layers/common/Makefile").read_text()


def test_functions_run_on_one_runtime_and_are_called_through_live() -> None:
    shared = template()["Globals"]["Function"]

    assert (shared["Runtime"], shared["Architectures"], shared["AutoPublishAlias"]) == ("python3.13", ["arm64"], "live")
    assert shared["Layers"] == [{"Ref": "CommonLayer"}]
    assert not any(set(shared) & set(it) - {"Environment"} for it in functions(template()).values())
    assert "Tracing" not in str(template())


@pytest.mark.parametrize("name", [*FOR_PEOPLE, "WebFunction"])
def test_what_a_person_waits_for_ends_before_api_gateway_gives_up(name: str) -> None:
    assert functions(template())[name]["Timeout"] < API_GATEWAY_ENDS_AFTER - 1


def test_a_message_stays_hidden_for_as_long_as_its_worker_may_work() -> None:
    assert visibility_findings(template()) == []


@pytest.mark.parametrize(("queue", "seconds"), [("RenewalQueue", 150), ("RescueQueue", 20), ("ChoreQueue", 60)])
def test_a_message_that_comes_back_at_the_wrong_time_is_found(queue: str, seconds: int) -> None:
    given = template()

    given["Resources"][queue]["Properties"]["VisibilityTimeout"] = seconds

    assert visibility_findings(given) == [queue]


def test_one_bad_message_does_not_bring_its_batch_back() -> None:
    assert {name for name, _ in sources(template())} == {"SweepFunction", "RenewFunction", "RevokeFunction"}
    assert all(it["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for _, it in sources(template()))


def test_renewals_run_on_a_bounded_number_of_workers() -> None:
    bounds = {
        named(it["Queue"]): it.get("ScalingConfig", {}).get("MaximumConcurrency") for _, it in sources(template())
    }

    assert bounds["RenewalQueue.Arn"] == {"Ref": "RenewConcurrency"}
    assert bounds["RescueQueue.Arn"] == 2


def test_the_sweep_is_woken_every_five_minutes() -> None:
    assert schedule_findings(template()) == []


@pytest.mark.parametrize("expression", ["rate(5 minute)", "rate(50 minutes)", "rate(5 Minutes)", "cron(0/5 * * * ? *)"])
def test_another_schedule_is_found_which_no_linter_does(expression: str) -> None:
    given = template()

    schedule = given["Resources"]["SweepFunction"]["Properties"]["Events"]["Tick"]["Properties"]
    schedule["ScheduleExpression"] = expression

    assert schedule_findings(given)


def test_the_schedule_sends_what_the_sweep_takes_for_a_tick() -> None:
    ((_, event),) = schedules(template())
    live = SimpleNamespace(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:sweep:live")

    assert is_schedule(json.loads(event["Input"]), live)
    assert not is_schedule({}, live)


def test_a_tick_that_fails_goes_to_a_queue_that_the_template_made() -> None:
    ((_, event),) = schedules(template())

    # `QueueLogicalId` would make another queue of that name.
    assert event["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["TickDeadLetterQueue", "Arn"]}}
    assert event["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 300


def test_every_function_is_told_what_it_needs_and_no_more() -> None:
    assert environment_findings(template()) == []


def test_every_variable_is_read_by_our_code() -> None:
    """Otherwise it would be a parameter that changes nothing."""
    code = "".join(file.read_text() for file in (ROOT / "layers/common/python/strongroom/aws").glob("*.py"))
    told = {variable for name in WHERE for variable in environment(template(), name)}
    queues = {variable for variable in told if variable.endswith("_QUEUE")}

    assert [it for it in sorted(told - queues) if f'"{it.removeprefix("STRONGROOM_")}"' not in _plain(code)] == []
    assert queues == {f"STRONGROOM_{name.upper()}_QUEUE" for names in WIRED.values() for name in names["queues"]}


def _plain(code: str) -> str:
    return re.sub(r"\{PREFIX\}(\w+)", r'"\1"', code)


@pytest.mark.parametrize("name", list(WHERE))
def test_a_function_starts_with_what_it_is_told(name: str) -> None:
    start(name, told(template(), name))


@pytest.mark.parametrize("name", list(WHERE))
def test_a_function_that_is_told_too_little_does_not_start(name: str) -> None:
    spare = {*DUE, "WEB_ORIGINS", "ENDPOINT_ORIGINS", "RESTORED_AT"}
    spare |= {"WEB_CLIENT_ID", "SIGN_IN_ORIGINS", "SIGN_IN_SCOPES", "SIGN_IN_PARAMETERS"}
    needed = [it for it in told(template(), name) if it.removeprefix("STRONGROOM_") not in spare]

    for variable in needed:
        with pytest.raises(SettingsError, match=variable):
            start(name, told(template(), name) | {variable: ""})


@requirement("attack:B5")
def test_no_function_of_the_template_may_call_loopback() -> None:
    assert "STRONGROOM_DEVELOPMENT" not in (ROOT / "template.yaml").read_text()


@requirement("attack:B5")
def test_the_development_switch_in_the_template_is_found() -> None:
    given = template()

    variables = given["Resources"]["AuthorizeFunction"]["Properties"]["Environment"]["Variables"]
    variables["STRONGROOM_DEVELOPMENT"] = "loopback"

    assert environment_findings(given) == ["AuthorizeFunction: STRONGROOM_DEVELOPMENT"]


CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
PAGES = {
    "of a host": ({"WebClientUrl": "https://app.example/c"}, "https://app.example/c"),
    "ours": ({"WebClientUrl": ""}, "https://strongroom.example/connections"),
    "ours, by default": ({}, "https://strongroom.example/connections"),
    "ours, under a domain": (
        {"PublicUrl": "", "DomainName": "own.example", "CertificateArn": CERTIFICATE},
        "https://own.example/connections",
    ),
}


@pytest.mark.parametrize(("parameters", "page"), PAGES.values(), ids=PAGES.keys())
def test_people_are_sent_to_the_hosts_page_or_else_to_ours(parameters: dict[str, str], page: str) -> None:
    usual = {"Issuer": "https://sign-in.example", "WebOrigins": "", "PublicUrl": "https://strongroom.example"}
    read = load_template(ROOT / "template.yaml", {**usual, **parameters})
    values = local_values(read, "http://127.0.0.1:8401", {"VaultKey": "arn:aws:kms:::key/1"})
    told_to = {
        one.logical_id: one.environment["STRONGROOM_WEB_CLIENT_URL"]
        for one in functions_of(read, values)
        if "STRONGROOM_WEB_CLIENT_URL" in one.environment
    }

    assert told_to == dict.fromkeys(FOR_PEOPLE, page)


def test_the_page_is_registered_where_it_is_served() -> None:
    outputs = template()["Outputs"]
    paths = {name: outputs[name]["Value"]["Fn::Sub"][0].removeprefix("${Public}") for name in OF_THE_PAGE}

    assert paths == OF_THE_PAGE
    assert f"{PATH}/{SIGNED_IN}" == OF_THE_PAGE["SignedInUrl"]


OF_THE_PAGE = {"ConnectionsUrl": "/connections", "SignedInUrl": "/connections/signed-in"}


def test_a_change_of_any_setting_publishes_a_version_of_every_function() -> None:
    assert settings_findings(template()) == []


def _forget_a_setting(given: Template) -> None:
    content = given["Resources"]["Settings"]["Properties"]["Content"]["Fn::Sub"]
    content[0] = content[0].replace("STRONGROOM_ISSUER=${Issuer}\n", "")


def _forget_the_version(given: Template) -> None:
    del given["Resources"]["TokenFunction"]["Properties"]["VersionDescription"]


def _forget_the_function(given: Template) -> None:
    # Lambda publishes no version of a function that has not changed.
    given["Resources"]["TokenFunction"]["Properties"]["Description"] = "Look up a token"


@pytest.mark.parametrize("change", [_forget_a_setting, _forget_the_version, _forget_the_function])
def test_a_setting_that_would_not_reach_live_is_found(change: Callable[[Template], None]) -> None:
    given = template()

    change(given)

    assert settings_findings(given)


def test_each_change_of_the_settings_is_a_new_document_with_a_new_number() -> None:
    settings = template()["Resources"]["Settings"]

    assert settings["Type"] == "AWS::AppConfig::HostedConfigurationVersion"


def test_releases_and_renewals_are_on_record_in_a_log_group_of_their_own_for_longer() -> None:
    given = template()
    groups = {name: named(it["LoggingConfig"]["LogGroup"]) for name, it in functions(given).items()}
    kept = {name: named(it["RetentionInDays"]) for name, it in of_type(given, "AWS::Logs::LogGroup").items()}
    usual = {name: given["Parameters"][name]["Default"] for name in ("LogRetentionDays", "AuditRetentionDays")}

    assert {name for name, group in groups.items() if group == "AuditLogGroup"} == set(AUDITED)
    assert len(set(groups.values())) == len(groups) - 1
    assert set(kept) == {*groups.values(), "AccessLogGroup"}
    assert kept == dict.fromkeys(kept, "LogRetentionDays") | {"AuditLogGroup": "AuditRetentionDays"}
    assert usual["AuditRetentionDays"] > usual["LogRetentionDays"]


@requirement("attack:A32")
def test_direct_invocation_has_an_alias_of_its_own_and_is_off() -> None:
    given = template()

    assert given["Resources"]["DirectAlias"]["Condition"] == "InvokesDirectly"
    assert given["Resources"]["DirectAlias"]["Properties"]["Name"] == "direct"
    assert given["Conditions"]["InvokesDirectly"] == {"Fn::Equals": [{"Ref": "DirectInvoke"}, "on"]}
    assert given["Parameters"]["DirectInvoke"]["Default"] == "off"
    assert given["Outputs"]["DirectAliasArn"]["Value"] == {"Ref": "DirectAlias"}


def test_snapshots_are_off_and_only_for_what_people_wait_for_and_what_loads_an_sdk() -> None:
    given = template()
    have = {name for name, it in functions(given).items() if "SnapStart" in it}

    assert have == set(FOR_PEOPLE)
    assert given["Parameters"]["SnapStart"]["Default"] == "off"
