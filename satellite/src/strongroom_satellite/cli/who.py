"""`strongroom who`: how people stand at installations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from strongroom_satellite.cli import options
from strongroom_satellite.cli.outside import Call
from strongroom_satellite.cli.words import ahead, lasting, plain, table
from strongroom_satellite.errors import NotFound, WrongAnswer

Row = Mapping[str, Any]


@click.command(
    epilog="""\b
Examples:
  strongroom who --team acme --user alice
  strongroom who --team acme --installation $ID
  strongroom who --team acme --user alice --json | jq '.installations[] | select(.connection.status != "connected")'
"""
)
@options.team
@options.installation
@options.user
@options.reaching
@options.as_json
@click.pass_obj
def who(call: Call, team: str | None, installation: str | None, user: str | None) -> int:
    """Show who is connected: one user's installations, or everybody at one installation.

    With --user it takes a satellite's credentials, with --installation alone a host's; with both it shows that one.

    \b
    --json: {"team", "user", "installations": [...]}, or
            {"team", "installation", "connections": [...]},
            with the rows of Strongroom's API. No secret is in them.
    """
    if team is None:
        raise options.missing("team")
    if user is not None:
        return _of_user(call, team, user, installation)
    if installation is not None:
        return _of_installation(call, team, installation)
    raise click.UsageError("say who, with --user, or where, with --installation")


def _of_user(call: Call, team: str, user: str, installation: str | None) -> int:
    with call.strongroom() as strongroom, call.console.waiting():
        found = _checked(strongroom.installations(team, user))
    if installation is not None:
        found = [row for row in found if row.get("installation") == installation]
        if not found:
            raise NotFound("this user sees no such installation")
    if call.as_json:
        call.console.say_object({"team": team, "user": user, "installations": found})
        return 0
    _show(call, [[*_named(row), *_stands(row, call.now())] for row in found], "Nothing is installed in this team.")
    return 0


def _of_installation(call: Call, team: str, installation: str) -> int:
    with call.strongroom() as strongroom, call.console.waiting():
        found = _checked(strongroom.connections(team, installation))
    if call.as_json:
        call.console.say_object({"team": team, "installation": installation, "connections": found})
        return 0
    rows = [[str(row.get("user")), *_stands({"connection": _own(row)}, call.now())] for row in found]
    _show(call, rows, "Nobody is in this team.")
    return 0


def _checked(rows: Sequence[Any]) -> list[Row]:
    if not all(isinstance(row, dict) for row in rows):
        raise WrongAnswer("an answer that is not Strongroom's")
    return list(rows)


def _show(call: Call, rows: Sequence[Sequence[str]], nothing: str) -> None:
    for line in table([[plain(text) for text in row] for row in rows]):
        call.console.say(line)
    if not rows:
        call.console.tell(nothing)


def _named(row: Row) -> list[str]:
    return [str(row.get("name")), str(row.get("installation"))]


def _own(row: Row) -> Row | None:
    found = row.get("connection")
    return found if isinstance(found, dict) else None


def _stands(row: Row, now: float) -> list[str]:
    """Status, reason and the rest in words. Where nobody has to connect there is no connection."""
    connection, words = _own(row), ["disabled"] if row.get("enabled") is False else []
    if connection is None:
        return ["no_oauth", "-", ", ".join(words)]
    words += _times(connection, now)
    missing = connection.get("missing_scopes")
    if isinstance(missing, list) and missing:
        words.append(f"not granted: {' '.join(map(str, missing))}")
    return [str(connection.get("status")), str(connection.get("reason") or "-"), ", ".join(words)]


def _times(connection: Row, now: float) -> list[str]:
    since, ends = lasting(connection.get("since"), now), ahead(connection.get("expires_at"), now)
    consent = ahead(connection.get("consent_ends_at"), now)
    told = (since, ends and f"token ends {ends}", consent and f"consent ends {consent}")
    return [words.replace("ends over", "is over") for words in told if words]
