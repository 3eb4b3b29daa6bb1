"""One command from its arguments to its exit status: the one place where an error becomes a sentence and a number."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import click
from click.exceptions import Exit
from click.shell_completion import shell_complete

from strongroom_satellite.cli import INTERRUPTED, shapes
from strongroom_satellite.cli.completion import PROGRAM, VARIABLE
from strongroom_satellite.cli.outside import Call, Outside
from strongroom_satellite.cli.root import root
from strongroom_satellite.cli.usage import sentence
from strongroom_satellite.errors import AuthorizationRequired, Refused, SatelliteError

DONE, COULD_NOT, WRONG_USAGE, PERSON_MUST_ACT, REFUSED = 0, 1, 2, 3, 4

ADVICE: Final = {
    "unknown_caller": "the host registers this role: PUT /v1/host/teams/TEAM/satellites",
    "not_a_role": "sign with the credentials of a role",
    "not_found": "check the ids; a satellite may ask about users of its teams, and a host about everybody",
    "misconfigured": "`strongroom doctor` says more",
    "refused": "`strongroom doctor` says more",
    "unavailable": "`strongroom doctor` says more",
    "wrong_answer": "`strongroom doctor` says more",
}


def run(arguments: Sequence[str], outside: Outside) -> int:
    """Run one command. Nothing is raised; no error prints what Strongroom or a user said, but for ids and links."""
    call = Call(outside)
    try:
        return _done(call, arguments)
    except click.UsageError as wrong:
        return _told(call, sentence(wrong), WRONG_USAGE)
    except SatelliteError as error:
        return _failed(call, error)
    except BrokenPipeError:
        return COULD_NOT  # whoever read has seen enough
    except OSError as problem:
        return _told(call, problem.strerror or type(problem).__name__, COULD_NOT)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as bug:
        # A traceback on a terminal or in a log may quote what was being handled: only where it was raised is told.
        last = traceback.extract_tb(bug.__traceback__)[-1]
        return _told(
            call, f"this should not happen: {type(bug).__name__} in {last.name}, line {last.lineno}", COULD_NOT
        )


def _done(call: Call, arguments: Sequence[str]) -> int:
    asked_by_shell = call.outside.environ.get(VARIABLE)
    if asked_by_shell:
        return shell_complete(root, {}, PROGRAM, VARIABLE, asked_by_shell)
    try:
        with root.make_context(PROGRAM, list(arguments), obj=call) as context:
            return int(root.invoke(context))
    except Exit as early:
        return early.exit_code


def _failed(call: Call, error: SatelliteError) -> int:
    """Tell a person, and with --json the program too."""
    if call.as_json:
        with suppress(OSError):
            call.console.say_object(shapes.error_shown(error))
    return _told(call, _sentence(error), _status(error))


def _status(error: SatelliteError) -> int:
    match error:
        case AuthorizationRequired():
            return PERSON_MUST_ACT
        case Refused():
            return REFUSED
    return COULD_NOT


def _sentence(error: SatelliteError) -> str:
    told = [error.code] if error.request_id is None else [error.code, f"request {error.request_id}"]
    if not isinstance(error, AuthorizationRequired):
        advice = ADVICE.get(error.code)
        return f"{shapes.said(error)} ({', '.join(told)}){f'; {advice}' if advice else ''}"
    then = f": {error.link}" if error.link else "; this person has nothing to open, an admin or the host has to act"
    return f"{shapes.said(error)} ({', '.join([error.reason, *told[1:]])}){then}"


def _told(call: Call, text: str, status: int) -> int:
    with suppress(OSError):
        call.console.tell(f"{PROGRAM}: {text}")
    return status
