"""`dev.py doctor`: what it says, where it calls, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from local import doctor
from local.commands import parser
from local.doctor_reach import examined, this_machine
from local.doctor_report import report, to_enter
from local.doctor_sight import Sight
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.egress import GuardedEgress
from strongroom.aws import bodies
from strongroom.domain.catalog import Asking, Authenticating, Catalog, CatalogEntry
from strongroom.domain.destinations import Rules
from strongroom.domain.trail import FINDINGS, GUESSED, NOTES
from strongroom.flows.probe import Examined, examine
from tests import openapi
from tests.documents import ROOT
from tests.fakes.clock import FakeClock
from tests.fakes.egress import Behaviour, replying
from tests.unit.discoveries import (
    FILES,
    MCP,
    PROVIDER,
    RESOURCE,
    SERVER,
    Outside,
    challenge,
    honest,
    json_of,
    metadata,
    resource,
)


def said(outside: Outside, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str]:
    code = examined(MCP, as_json=as_json, loopback=False, reach=outside)
    return code, capsys.readouterr().out


def test_a_server_that_connects_is_told_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(), capsys)
    assert code == 0
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("ok", "missing", "failed"))] == [
        "ok      challenge (initialize)",
        "ok      resource metadata",
        "ok      server metadata",
    ]
    assert f"        {FILES}{RESOURCE}/team/mcp" in lines
    assert (
        "        mcp:D5  The issuer's metadata is at one of its well-known places (RFC 8414, OpenID discovery)."
        in lines
    )
    assert f"Provider      {PROVIDER}" in lines
    assert lines[-1].startswith("It would connect.")


def test_a_rule_that_does_not_hold_is_named_with_what_an_admin_can_enter(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(code_challenge_methods_supported=None), capsys)
    assert code == 1
    assert f"pkce_unsupported: {FINDINGS['pkce_unsupported'].sentence}" in text
    assert "provider.pkce_unlisted" in text


def test_a_provider_that_registers_nobody_leads_to_the_fields_of_the_client(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(registration_endpoint=None), capsys)
    assert code == 1
    assert "Registration  by hand, by an admin" in text
    assert "provider.client " in text
    assert f"provider.issuer          {PROVIDER}" in text


def test_deviations_are_told_with_the_page_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    entry = CatalogEntry(
        name="Provider",
        documentation="https://provider.example/docs",
        issuers=(PROVIDER,),
        origins=(PROVIDER,),
        asking=Asking(resource=False),
        authenticating=Authenticating(registration="by_hand"),
    )
    _, text = said(replace(honest(), catalog=Catalog((entry,))), capsys)
    assert "Catalog       Provider, https://provider.example/docs" in text
    assert "resource_refused: it refuses the parameter `resource` (RFC 8707)" in text


@pytest.mark.parametrize("answer", [challenge(), replying(401)], ids=["a bare challenge", "no challenge"])
def test_of_a_server_that_publishes_nothing_about_oauth_nobody_can_say_whether_it_connects(
    answer: Behaviour, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = Outside()
    outside.post(answer)
    code, text = said(outside, capsys)
    assert code == 3
    assert f"\nNobody can say whether it would connect: {NOTES['endpoints_guessed'].sentence}\n" in text
    assert "It would" not in text
    assert "  provider.endpoints " in text
    code, text = said(outside, capsys, as_json=True)
    assert (code, json.loads(text)["connects"]) == (3, None)


def test_a_401_without_a_bearer_challenge_is_told_as_one_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    outside = honest()
    outside.post(replying(401, b"", www_authenticate='Basic realm="x"'))
    code, text = said(outside, capsys)
    assert (code, "missing challenge (initialize)\n" in text, "ok      challenge" in text) == (0, True, False)
    assert f"challenge_missing: {NOTES['challenge_missing'].sentence}" in text


def test_two_questions_to_one_url_are_told_as_two(capsys: pytest.CaptureFixture[str]) -> None:
    outside = Outside()
    outside.post(replying(200))
    _, text = said(outside, capsys)
    assert "missing challenge (initialize)\n" in text
    assert "missing challenge (tools/list)\n" in text


def test_the_issuer_of_metadata_that_cannot_be_used_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = said(honest(code_challenge_methods_supported=None), capsys)
    assert f"\nIssuer        {PROVIDER}\n" in text
    assert f"provider.issuer          {PROVIDER}" in text


def test_where_a_server_is_its_own_provider_the_admin_is_led_to_the_issuer_in_its_metadata(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outside = Outside()
    outside.post(challenge())
    outside.get(f"{FILES}{SERVER}", json_of(metadata(FILES, code_challenge_methods_supported=None)))
    _, text = said(outside, capsys)
    assert "\nIssuer " not in text
    assert "provider.issuer          the `issuer` in that metadata, letter by letter" in text


def test_a_server_that_needs_no_token_has_nothing_to_connect(capsys: pytest.CaptureFixture[str]) -> None:
    outside = Outside()
    outside.post(replying(200))
    code, text = said(outside, capsys)
    assert (code, "Nothing to do" in text) == (1, True)


def test_json_is_what_the_probe_route_answers_but_for_the_draft(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(), capsys, as_json=True)
    shown = json.loads(text)
    assert (code, shown["connects"], shown["registration"]) == (0, True, "dynamic")
    assert {*shown, "draft", "callback_url"} == set(openapi.document()["components"]["schemas"]["Probed"]["required"])


@pytest.mark.parametrize("code", [*FINDINGS, GUESSED])
def test_every_code_has_something_to_do_next(code: str) -> None:
    lines = list(report(Examined(MCP, (), code), Sight(Outside().egress, Rules())))
    assert lines[-1].startswith(("Tell the people", "Nothing to do", "Check the URL", "  provider."))


@pytest.mark.parametrize("code", [*FINDINGS, GUESSED])
def test_what_is_to_be_entered_has_the_names_that_the_interface_takes(code: str) -> None:
    taken = set(bodies.ProviderBody.model_fields)
    named = [line.split()[0] for line in to_enter(Examined(MCP, (), code))]
    assert {name.removeprefix("provider.") for name in named} <= taken
    assert not named or {"draft", "client", "issuer"} <= {name.removeprefix("provider.") for name in named}


def test_nothing_of_what_a_server_says_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    outside = honest()
    outside.get(f"{PROVIDER}{SERVER}", replying(500, b"canary"))
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(resource_name="canary")))
    assert "canary" not in said(outside, capsys)[1]


# What it is made of


def test_it_calls_with_the_guarded_client_and_the_catalog() -> None:
    ports = this_machine(loopback=False)
    assert isinstance(ports.egress, GuardedEgress)
    assert isinstance(ports.catalog, CatalogFiles)
    assert not ports.policy.loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8404/mcp",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "files.example",
        "",
        "https://x:99/",
    ],
)
def test_what_is_never_called_is_a_wrong_use(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert examined(url, as_json=False, loopback=False) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.startswith("This address may not be called: ")) == ("", True)
    assert ("--allow-loopback" in told.err) == ("127.0.0.1" in url)
    assert examined(url, as_json=True, loopback=False) == 2
    refused = json.loads(capsys.readouterr().out)
    assert refused == {"error": "address_refused", "message": told.err.splitlines()[0]}


def test_without_the_switch_this_machine_is_not_called() -> None:
    ports = replace(this_machine(loopback=False), clock=FakeClock())
    assert examine(ports, "http://127.0.0.1:1/mcp").code == "mcp_server_unusable"


def test_the_command_line_is_the_one_of_dev_py() -> None:
    asked = parser().parse_args(["doctor", MCP, "--json", "--allow-loopback"])
    assert (asked.url, asked.json, asked.allow_loopback) == (MCP, True, True)


def test_the_help_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        doctor.main(["--help"])
    assert "0 it would connect, 1 it would not, 2 wrong usage" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("arguments", [[], [MCP, "--verbose"], [MCP, MCP]])
def test_another_use_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.main(arguments)
    assert ended.value.code == 2


def test_it_starts_without_the_layer_on_the_path() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "local", "doctor", "http://127.0.0.1:1/"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
