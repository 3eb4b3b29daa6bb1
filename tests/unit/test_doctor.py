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
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.egress import GuardedEgress
from strongroom.aws import bodies
from strongroom.domain.catalog import Asking, Authenticating, Catalog, CatalogEntry
from strongroom.domain.trail import FINDINGS
from strongroom.flows.probe import Examined, examine
from tests.documents import ROOT
from tests.fakes.clock import FakeClock
from tests.fakes.egress import replying
from tests.unit.discoveries import FILES, MCP, PROVIDER, RESOURCE, SERVER, Outside, challenge, honest, json_of, resource


def said(outside: Outside, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str]:
    code = examined(MCP, as_json=as_json, loopback=False, reach=outside)
    return code, capsys.readouterr().out


def test_a_server_that_connects_is_told_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(), capsys)
    assert code == 0
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("ok", "missing", "failed"))] == [
        "ok      challenge",
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


def test_a_server_without_metadata_is_told_to_be_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    outside = Outside()
    outside.post(challenge())
    code, text = said(outside, capsys)
    assert (code, "nobody has tried them" in text) == (0, True)


def test_a_server_that_needs_no_token_has_nothing_to_connect(capsys: pytest.CaptureFixture[str]) -> None:
    outside = Outside()
    outside.post(replying(200))
    code, text = said(outside, capsys)
    assert (code, "Nothing to do" in text) == (1, True)


def test_json_is_what_the_probe_route_answers_but_for_the_draft(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(honest(), capsys, as_json=True)
    shown = json.loads(text)
    assert (code, shown["connects"], shown["registration"]) == (0, True, "dynamic")
    assert "draft" not in shown


@pytest.mark.parametrize("code", FINDINGS)
def test_every_code_has_something_to_do_next(code: str) -> None:
    lines = list(report(Examined(MCP, (), code)))
    assert lines[-1].startswith(("Tell the people", "Nothing to do", "Check the URL", "  provider."))


@pytest.mark.parametrize("code", FINDINGS)
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
    assert (told.out, "--allow-loopback" in told.err) == ("", True)


def test_without_the_switch_this_machine_is_not_called() -> None:
    ports = replace(this_machine(loopback=False), clock=FakeClock())
    assert examine(ports, "http://127.0.0.1:1/mcp").code == "mcp_server_unusable"


def test_the_command_line_is_the_one_of_dev_py() -> None:
    asked = parser().parse_args(["doctor", MCP, "--json", "--allow-loopback"])
    assert (asked.url, asked.json, asked.allow_loopback) == (MCP, True, True)


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
