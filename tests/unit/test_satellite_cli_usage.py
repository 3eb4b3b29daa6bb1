"""Wrong arguments: one sentence, status 2, nothing asked. Help, and completion of commands and options."""

from __future__ import annotations

import pytest

from strongroom_satellite.cli.settings import Settings, chosen
from strongroom_satellite.retry import Patience
from tests.fakes.satellite import FakeStrongroom
from tests.unit.satellite_commands import ALICE, AT, CANARY, ENVIRON, INSTALLATION, Stream, ran

COMMANDS = ("who", "get", "rejected", "doctor", "completion")

WRONG = [
    ((), "say what to do: completion, doctor, get, rejected, who"),
    (("whom",), "there is no such command: it is one of completion, doctor, get, rejected, who"),
    (("get",), "--team is missing"),
    (("get", "--team", "acme"), "--installation is missing"),
    (("get", *AT[:4]), "--user is missing"),
    (("get", *AT, "--heade"), "there is no option --heade: did you mean --header?"),
    (("get", *AT, "--team"), "--team is given wrongly: with a value where it takes one, else without"),
    (("get", *AT, "--show=yes"), "--show is given wrongly: with a value where it takes one, else without"),
    (("get", *AT, "more"), "there are more arguments than the command takes"),
    (("get", *AT, "--header", "--env"), "--header, --env and --json exclude each other"),
    (("get", *AT, "--min-validity", "601"), "--min-validity is a number from 0 to 600"),
    (("get", *AT, "--min-validity", "x"), "--min-validity is a number from 0 to 600"),
    (("get", *AT, "--timeout", "0"), "--timeout is a number from 1 to 600"),
    (("get", *AT, "--timeout", "nan"), "--timeout is a number from 1 to 600"),
    (("get", *AT, "--timeout", "-NaN"), "--timeout is a number from 1 to 600"),
    (("get", *AT, "--timeout", "inf"), "--timeout is a number from 1 to 600"),
    (
        ("get", "--team", "a/b", *AT[2:]),
        "--team: a team is named by lower-case letters, digits and hyphens, at most 63",
    ),
    (
        ("get", "--team", "acme", "--installation", "Team Files", "--user", "alice"),
        "--installation: an installation has an id of twenty letters and digits, not its name",
    ),
    (("get", *AT[:5], "al\nice"), "--user: a user id has 1 to 255 printable ASCII characters"),
    (("rejected", *AT), "--version is missing"),
    (("rejected", *AT, "--version", "v"), "--status is missing"),
    (("rejected", *AT, "--version", "v", "--status", "500"), "--status is one of 401, 403"),
    (
        ("rejected", *AT, "--version", "a b", "--status", "401"),
        "--version takes what `strongroom get --json` gives as `version`",
    ),
    (
        ("rejected", *AT, "--version", "v", "--status", "401", "--challenge", "x" * 8193),
        "--challenge takes at most 8192 characters",
    ),
    (("who", "--team", "acme"), "say who, with --user, or where, with --installation"),
    (("completion",), "say for which shell: bash, zsh or fish"),
    (("completion", "tcsh"), "shell is one of bash, zsh, fish"),
    (
        ("--url", "http://strongroom.example", "who", "--team", "acme", "--user", "alice"),
        "Strongroom's URL begins with https:// (http:// on this machine alone)",
    ),
    (
        ("get", *AT, "--url", "https://a.example", "--function", "f"),
        "say where Strongroom is, with --url or --function (or STRONGROOM_URL or STRONGROOM_FUNCTION), and not both",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_wrong_arguments_are_one_sentence_and_status_2(arguments: tuple[str, ...], sentence: str) -> None:
    fake = FakeStrongroom()
    done = ran(fake, *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"strongroom: {sentence} (see strongroom")
    assert done.err.endswith(" --help)\n")
    assert done.err.count("\n") == 1
    assert fake.asks == []


def test_nobody_says_where_strongroom_is() -> None:
    done = ran(FakeStrongroom(), "get", *AT, environ={})
    assert (done.status, done.out) == (2, "")
    assert "STRONGROOM_URL" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        (CANARY,),
        ("get", *AT, CANARY),
        ("get", "--team", CANARY.upper()),
        ("get", *AT[:2], "--installation", CANARY),
        ("get", *AT, f"--{CANARY}"),
        ("get", *AT, f"-{CANARY}"),
        ("get", *AT, f"--show={CANARY}"),
        ("get", *AT, "--min-validity", CANARY),
        ("rejected", *AT, "--version", f"Bearer {CANARY}", "--status", "401"),
        ("rejected", *AT, "--version", "v", "--status", CANARY),
        ("completion", CANARY),
        ("--url", f"https://user:{CANARY}@a.example", "doctor"),
        ("--url", CANARY, "doctor"),
    ],
)
def test_what_was_typed_in_the_wrong_place_is_not_repeated(arguments: tuple[str, ...]) -> None:
    done = ran(FakeStrongroom(), *arguments)
    assert done.status == 2
    assert CANARY not in (done.out + done.err).lower()


# -- settings


def test_a_profile_that_is_not_there_cannot_name_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    done = ran(FakeStrongroom(), "get", *AT, "--profile", "nobody")
    assert (done.status, done.out) == (2, "")
    assert "ProfileNotFound" in done.err


def test_half_of_the_credentials_is_said_to_be_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = ran(FakeStrongroom(), "get", *AT, environ={"STRONGROOM_FUNCTION": "f"})
    assert (done.status, done.out) == (2, "")
    assert "PartialCredentialsError" in done.err


def test_the_team_of_the_environment_is_used_unless_one_is_given() -> None:
    fake = FakeStrongroom()
    fake.connect(ALICE, "t")
    environ = {**ENVIRON, "STRONGROOM_TEAM": "acme"}
    assert ran(fake, "get", *AT[2:], environ=environ).out == "t\n"
    assert ran(fake, "get", "--team", "rivals", *AT[2:], environ=environ).status == 4


def test_an_address_on_the_command_line_replaces_that_of_the_environment_of_whichever_kind() -> None:
    environ = {"STRONGROOM_FUNCTION": "f"}
    assert chosen({"url": "https://a.example"}, environ) == Settings(url="https://a.example")
    assert chosen({"function": "g"}, {"STRONGROOM_URL": "https://a.example"}) == Settings(function="g")
    assert chosen({}, environ) == Settings(function="f")


def test_the_address_of_an_api_names_its_region_unless_another_is_given() -> None:
    url = "https://abc123.execute-api.eu-central-1.amazonaws.com"
    assert chosen({"url": url}, {}).region == "eu-central-1"
    assert chosen({"url": url, "region": "eu-west-1"}, {}).region == "eu-west-1"


def test_a_short_patience_shortens_each_attempt() -> None:
    assert chosen({"timeout": 3.0}, ENVIRON).patience == Patience(attempt=3.0, total=3.0, connect=3.0)
    assert chosen({"timeout": 300.0}, ENVIRON).patience == Patience(total=300.0)


def test_options_for_every_command_stand_before_its_name_or_after_it() -> None:
    fake = FakeStrongroom()
    fake.connect(ALICE, "t")
    options = ("--url", "https://a.example", "--region", "us-east-1", "--timeout", "9")
    assert ran(fake, *options, "get", *AT, environ={}).out == "t\n"
    assert ran(fake, "get", *AT, *options, environ={}).out == "t\n"


# -- help


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_is_everywhere_with_examples(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(FakeStrongroom(), *command, "--help", environ={}).status == 0
    shown = capsys.readouterr().out
    assert "  strongroom " in shown
    assert "Examples:" in shown or "To install it" in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_the_help_tells_every_exit_status_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    ran(FakeStrongroom(), "--help")
    shown = capsys.readouterr().out
    for told in ("0  ", "1  ", "2  ", "3  ", "4  ", "130", "STRONGROOM_URL", "STRONGROOM_FUNCTION", "STRONGROOM_TEAM"):
        assert f"  {told}" in shown


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(FakeStrongroom(), "--version").status == 0
    assert capsys.readouterr().out == "strongroom 0.1.0\n"


# -- completion


def completed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> set[str]:
    """What bash is answered with: the last word is being typed."""
    monkeypatch.setenv("COMP_WORDS", " ".join(("strongroom", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    done = ran(FakeStrongroom(), environ={"_STRONGROOM_COMPLETE": "bash_complete"})
    assert (done.status, done.err) == (0, "")
    return {line.partition(",")[2] for line in capsys.readouterr().out.split()}


def test_commands_and_options_are_completed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(capsys, monkeypatch, "") == set(COMMANDS)
    assert completed(capsys, monkeypatch, "d") == {"doctor"}
    assert completed(capsys, monkeypatch, "get", "--u") == {"--user", "--url"}
    assert completed(capsys, monkeypatch, "get", "--team", "acme", "--min") == {"--min-validity"}
    assert completed(capsys, monkeypatch, "rejected", "--status", "4") == {"401", "403"}
    assert completed(capsys, monkeypatch, "completion", "") == {"bash", "zsh", "fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_this_program(shell: str) -> None:
    done = ran(FakeStrongroom(), "completion", shell, environ={})
    assert (done.status, done.err) == (0, "")
    assert f"_STRONGROOM_COMPLETE={shell}_complete" in done.out
    assert ran(FakeStrongroom(), "completion", shell, out=Stream(terminal=True)).out == done.out


def test_an_id_is_not_looked_up_while_completing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(capsys, monkeypatch, "get", "--installation", INSTALLATION[:3]) == set()
