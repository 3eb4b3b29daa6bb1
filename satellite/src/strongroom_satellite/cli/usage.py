"""What is wrong with the arguments, in one sentence.

It repeats no value: what was typed in the wrong place may have been a token.
"""

from __future__ import annotations

import re

import click

_NAME = re.compile(r"--?[a-z][a-z-]{0,20}")


def sentence(wrong: click.UsageError) -> str:
    """Say it on one line, and where to read more."""
    return f"{_what(wrong)} (see {_command(wrong)} --help)"


def _what(wrong: click.UsageError) -> str:
    match wrong:
        case click.NoSuchOption(option_name=name, possibilities=close):
            return f"there is no option {_shown(name)}{_or(close)}"
        case click.MissingParameter():
            return f"{_parameter(wrong)} is missing"
        case click.BadParameter(param=click.Parameter(type=click.Choice(choices=choices))):
            return f"{_parameter(wrong)} is one of {', '.join(map(str, choices))}"
        case click.BadParameter(param=click.Parameter(type=click.IntRange() | click.FloatRange() as numbers)):
            return f"{_parameter(wrong)} is a number from {numbers.min} to {numbers.max}"
        case click.BadParameter():
            return f"{_parameter(wrong)}: {wrong.message}"
        case click.BadOptionUsage():
            return f"{_shown(wrong.option_name)} is given wrongly: with a value where it takes one, else without"
    return _otherwise(wrong)


def _otherwise(wrong: click.UsageError) -> str:
    """What click says itself repeats what was typed, and begins so; what our commands say does not."""
    said = wrong.message
    if said.startswith("Missing command"):
        return f"say what to do: {_commands(wrong)}"
    if said.startswith("No such command"):
        return f"there is no such command: it is one of {_commands(wrong)}"
    if said.startswith("Got unexpected extra argument"):
        return "there are more arguments than the command takes"
    return said


def _commands(wrong: click.UsageError) -> str:
    command = wrong.ctx.command if wrong.ctx is not None else None
    return ", ".join(sorted(command.commands)) if isinstance(command, click.Group) else "a command"


def _command(wrong: click.UsageError) -> str:
    return wrong.ctx.command_path if wrong.ctx is not None else "strongroom"


def _parameter(wrong: click.BadParameter) -> str:
    names = wrong.param.opts if wrong.param is not None else []
    return names[0] if names else "an argument"


def _shown(name: str) -> str:
    return name if _NAME.fullmatch(name) else "of this name"


def _or(close: object) -> str:
    """The closest of what there is."""
    return f": did you mean {close[0]}?" if isinstance(close, (list, tuple)) and close else ""
