"""A token is on stdout, only with `get`, and on a terminal only if a person there wants it."""

from __future__ import annotations

import io
import os
import pty
from typing import TextIO

import pytest

from strongroom_satellite.asks import Ask
from strongroom_satellite.cli import get, run, usage, words
from strongroom_satellite.cli.console import Console
from tests.fakes.satellite import FakeStrongroom, listed, stands
from tests.requirements import requirement
from tests.unit.satellite_commands import ALICE, AT, CANARY, INSTALLATION, Never, Ran, Stream, ran, world
from tests.weakened import weakened

END = b"\x00"
REPORT = ("rejected", *AT, "--version", "grant.1", "--status", "401")
USER = ("--team", "acme", "--user", "alice")


def connected() -> FakeStrongroom:
    """Everything that is secret holds the canary."""
    fake = FakeStrongroom()
    fake.connect(ALICE, CANARY, env={"TOKEN": "{access_token}"})
    fake.lists["acme", "alice"] = [listed(INSTALLATION, "Team Files", stands())]
    fake.members["acme", INSTALLATION] = [{"user": "alice", "connection": stands()}]
    return fake


# -- where the token is


@requirement("attack:C11")
@pytest.mark.parametrize("form", [(), ("--header",), ("--env",), ("--json",)])
def test_with_get_the_token_is_on_stdout_and_never_on_stderr(form: tuple[str, ...]) -> None:
    done = ran(connected(), "get", *AT, *form, err=Stream(terminal=True))
    assert CANARY in done.out
    assert CANARY not in done.err


@requirement("attack:C11")
@pytest.mark.parametrize(
    "command",
    [
        REPORT,
        (*REPORT, "--json"),
        ("who", *USER),
        ("who", *USER, "--json"),
        ("who", *AT[:4], "--json"),
        ("completion", "bash"),
    ],
)
def test_no_other_command_prints_a_token(command: tuple[str, ...]) -> None:
    done = ran(connected(), *command)
    assert (done.status, CANARY in done.out + done.err) == (0, False)


@requirement("attack:C11")
def test_help_tells_no_value_of_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ((), ("get",), ("doctor",)):
        ran(
            FakeStrongroom(),
            *command,
            "--help",
            environ={"STRONGROOM_URL": f"https://{CANARY}", "STRONGROOM_TEAM": CANARY},
        )
    assert CANARY not in capsys.readouterr().out


def with_the_canary(error: type[Exception]) -> FakeStrongroom:
    """A bug in the middle of it, whose message quotes what was being handled."""
    fake = connected()

    def bug(_: Ask) -> None:
        raise error(f"could not handle {CANARY}")

    fake.meanwhile = bug
    return fake


@requirement("attack:C11")
@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError])
def test_a_bug_tells_where_it_is_and_not_what_was_handled(error: type[Exception]) -> None:
    done = ran(with_the_canary(error), "get", *AT)
    assert (done.status, done.out) == (1, "")
    assert CANARY not in done.err
    assert "Traceback" not in done.err


@requirement("attack:C11")
def test_control_a_bug_that_told_its_message_would_tell_the_token() -> None:
    with weakened(run.run, "{type(bug).__name__}", "{bug}"):
        assert CANARY in ran(with_the_canary(RuntimeError), "get", *AT).err


@requirement("attack:C11")
def test_a_stream_that_takes_nothing_more_is_told_without_the_token() -> None:
    class Full(Stream):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device", CANARY)

    done = ran(connected(), "get", *AT, out=Full())
    assert (done.status, done.err) == (1, "strongroom: No space left on device\n")


def test_whoever_reads_and_has_seen_enough_is_told_nothing() -> None:
    class Closed(Stream):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    done = ran(connected(), "get", *AT, out=Closed())
    assert (done.status, done.err) == (1, "")


def test_an_interruption_is_status_130_and_no_word() -> None:
    fake = connected()

    def interrupted(_: Ask) -> None:
        raise KeyboardInterrupt

    fake.meanwhile = interrupted
    done = ran(fake, "get", *AT)
    assert (done.status, done.out, done.err) == (130, "", "")


@requirement("attack:C11")
def test_what_is_typed_in_the_wrong_place_may_be_a_token_and_is_not_repeated() -> None:
    typed = ("get", *AT, f"--{CANARY}")
    assert CANARY not in ran(connected(), *typed).err
    with weakened(usage._shown, 'name if _NAME.fullmatch(name) else "of this name"', "name"):
        assert CANARY in ran(connected(), *typed).err


# -- terminals


class Terminal:
    """A real one, and what a person types there before anybody asks."""

    def __init__(self, typed: str) -> None:
        self._master, self._slave = pty.openpty()
        os.write(self._master, typed.encode())
        self.reader = open(self._slave, encoding="utf-8", closefd=False)  # noqa: SIM115 -- closed with the terminal
        self.writer = open(self._slave, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- closed with the terminal

    def seen(self) -> str:
        """Read what a person sees there, with the echo of what was typed."""
        os.write(self._slave, END)
        shown = b""
        while not shown.endswith(END):
            shown += os.read(self._master, 4096)
        return shown.removesuffix(END).decode().replace("\r\n", "\n")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.writer.close()
        os.close(self._slave)
        os.close(self._master)


def at_terminal(fake: FakeStrongroom, typed: str, *arguments: str, piped: str | None = None) -> Ran:
    """Run one command whose answer goes to a terminal; `piped` is what comes in if that is not from there."""
    with Terminal(typed) as terminal:
        stdin: TextIO = terminal.reader if piped is None else io.StringIO(piped)
        console = Console(stdin, terminal.writer, Stream(), lambda _, call: Never(call))
        status = run.run(arguments, world(fake, console))
        return Ran(status, terminal.seen(), console.err.getvalue() if isinstance(console.err, Stream) else "")


@requirement("attack:C11")
@pytest.mark.parametrize("form", [(), ("--header",), ("--env",), ("--json",)])
@pytest.mark.parametrize("typed", ["\n", "n\n", "no\n", "yess\n", "\x04"])
def test_a_terminal_shows_no_token_to_whoever_does_not_say_yes(typed: str, form: tuple[str, ...]) -> None:
    fake = connected()
    done = at_terminal(fake, typed, "get", *AT, *form)
    assert (done.status, done.err) == (1, "strongroom: not shown\n")
    assert get.QUESTION in done.out
    assert CANARY not in done.out
    assert fake.count() == 0


@requirement("attack:C11")
def test_control_a_question_that_took_anything_for_a_yes_would_show_it() -> None:
    with weakened(Console.allows, 'self.stdin.readline().strip().lower() in ("y", "yes")', "True"):
        assert CANARY in at_terminal(connected(), "n\n", "get", *AT).out


@requirement("attack:C11")
def test_control_a_command_that_did_not_ask_would_show_it() -> None:
    with weakened(get._consented, "if not console.out.isatty():", "if True:"):
        assert CANARY in at_terminal(connected(), "", "get", *AT).out


@pytest.mark.parametrize("typed", ["y\n", "Y\n", " yes \n"])
def test_a_terminal_shows_the_token_to_whoever_says_yes(typed: str) -> None:
    done = at_terminal(connected(), typed, "get", *AT)
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith(f"{CANARY}\n")


def test_show_stands_for_a_yes() -> None:
    done = at_terminal(connected(), "", "get", *AT, "--show")
    assert (done.status, done.out, done.err) == (0, f"{CANARY}\n", "")


@requirement("attack:C11")
def test_where_nobody_can_be_asked_a_terminal_shows_no_token() -> None:
    fake = connected()
    done = at_terminal(fake, "", "get", *AT, piped="y\n")
    assert (done.status, done.out, fake.count()) == (2, "", 0)
    assert done.err.count("\n") == 1
    with weakened(get._consented, "if not console.stdin.isatty():", "if False:"):
        assert CANARY in at_terminal(connected(), "", "get", *AT, piped="y\n").out


# -- what a terminal would act on

STEERING = "\x1b]0;owned\x07\x1b[2J\x9b1m\u202eevil\u2066\u200b\u2028\nroot  connected"


@requirement("attack:C11")
def test_no_name_from_strongroom_steers_a_terminal() -> None:
    fake = connected()
    fake.lists["acme", "alice"] = [
        listed(INSTALLATION, STEERING, stands(STEERING, reason=STEERING, missing_scopes=[STEERING]))
    ]
    shown = at_terminal(fake, "", "who", *USER).out
    assert len(shown.splitlines()) == 1
    assert words.is_line(shown.removesuffix("\n").replace("\ufffd", ""))
    assert words.is_line(at_terminal(fake, "", "who", *USER, "--json").out.replace("\n", ""))


@requirement("attack:C11")
def test_no_link_reason_or_code_from_strongroom_steers_a_terminal() -> None:
    fake = FakeStrongroom()
    for status, told in ((409, {"error": "authorization_required"}), (403, {"error": STEERING})):
        fake.instead(status, {**told, "reason": STEERING, "link": STEERING, "request_id": STEERING})
        err = ran(fake, "get", *AT, err=Stream(terminal=True)).err
        assert words.is_line(err.removesuffix("\n").replace("\ufffd", ""))


@requirement("attack:C11")
def test_control_an_unfiltered_name_would_steer_it() -> None:
    fake = connected()
    fake.lists["acme", "alice"] = [listed(INSTALLATION, STEERING, stands())]
    with weakened(words.plain, '"\\ufffd" if unicodedata.category(char) in _STEERING else char', "char"):
        assert "\x1b]0;owned" in at_terminal(fake, "", "who", *USER).out


@requirement("attack:C11")
def test_a_token_that_a_terminal_acts_on_is_not_written_to_one() -> None:
    fake = FakeStrongroom()
    fake.connect(ALICE, "a\x1b[2Jb", headers={})
    done = at_terminal(fake, "", "get", *AT, "--show")
    assert (done.status, done.out) == (1, "")
