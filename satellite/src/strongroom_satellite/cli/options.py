"""Options that several commands take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from strongroom_satellite.cli.outside import Call
from strongroom_satellite.need import Need, checked_installation, checked_team, checked_user

Command = TypeVar("Command", bound=Callable[..., Any])
Take = Callable[[click.Context, click.Parameter, Any], Any]


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    call = context.find_object(Call)
    if call is not None and value is not None:
        call.given[str(parameter.name)] = value


def _keep_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    call = context.find_object(Call)
    if call is not None:
        call.as_json = value


def _checked(check: Callable[[str], str], variable: str | None = None) -> Take:
    def take(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        call = context.find_object(Call)
        if value is None and variable is not None and call is not None:
            value = call.outside.environ.get(variable) or None
        try:
            return None if value is None else check(value)
        except ValueError as wrong:
            raise click.BadParameter(str(wrong), context, parameter) from None

    return take


class _Seconds(click.FloatRange):
    """A number of seconds. "nan" is none: it is neither below a bound nor above it, and no time is ever up by it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail("this is no number of seconds", param, ctx)
        return seconds


def reaching(command: Command) -> Command:
    """Say where Strongroom is and who asks: before the name of a command, or after it."""
    options = (
        click.option(
            "--url", metavar="URL", help="Strongroom's address. [STRONGROOM_URL]", callback=_keep, expose_value=False
        ),
        click.option(
            "--function",
            metavar="NAME",
            help="Invoke this token function directly, by its alias `direct`. [STRONGROOM_FUNCTION]",
            callback=_keep,
            expose_value=False,
        ),
        click.option(
            "--region",
            metavar="REGION",
            help="AWS region. [STRONGROOM_REGION, AWS_REGION]",
            callback=_keep,
            expose_value=False,
        ),
        click.option(
            "--profile",
            metavar="NAME",
            help="Profile of AWS credentials. [AWS_PROFILE]",
            callback=_keep,
            expose_value=False,
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=_Seconds(1, 600),
            help="Longest wait for an answer, with all attempts; 60 unless given.",
            callback=_keep,
            expose_value=False,
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def team(command: Command) -> Command:
    take = _checked(checked_team, "STRONGROOM_TEAM")
    return click.option("--team", metavar="TEAM", help="The team. [STRONGROOM_TEAM]", callback=take)(command)


def installation(command: Command) -> Command:
    take = _checked(checked_installation)
    return click.option("--installation", metavar="ID", help="The installation's id, not its name.", callback=take)(
        command
    )


def user(command: Command) -> Command:
    take = _checked(checked_user)
    return click.option("--user", metavar="USER", help="The user's id: `sub` at the sign-in service.", callback=take)(
        command
    )


def as_json(command: Command) -> Command:
    return click.option(
        "--json", "as_json", is_flag=True, help="Answer with one JSON object.", callback=_keep_json, expose_value=False
    )(command)


def missing(name: str) -> click.UsageError:
    return click.UsageError(f"--{name} is missing")


def need_of(team: str | None, installation: str | None, user: str | None) -> Need:
    """Raises: click.UsageError: for the first that was not given."""
    if team is None:
        raise missing("team")
    if installation is None:
        raise missing("installation")
    if user is None:
        raise missing("user")
    return Need(team, installation, user)
