"""`strongroom get`: one token, to a pipe or a file."""

from __future__ import annotations

from collections.abc import Mapping

import click

from strongroom_satellite.cli import options
from strongroom_satellite.cli.console import Undelivered
from strongroom_satellite.cli.outside import Call
from strongroom_satellite.cli.shapes import release_shown
from strongroom_satellite.cli.words import is_line
from strongroom_satellite.release import Release
from strongroom_satellite.secret import Secret

QUESTION = "This would show an access token on the terminal. Show it?"
LONGEST_VALIDITY = 600


@click.command(
    epilog="""\b
Examples:
  strongroom get --team acme --installation $ID --user alice > token
  strongroom get --team acme --installation $ID --user alice --header | curl -H @- https://mcp.example/mcp
  strongroom get --team acme --installation $ID --user alice --env | docker run --env-file /dev/stdin image
"""
)
@options.team
@options.installation
@options.user
@click.option(
    "--min-validity",
    metavar="SECONDS",
    type=click.IntRange(0, LONGEST_VALIDITY),
    help="Renew a token that ends sooner; 60 unless given.",
)
@click.option("--header", "as_header", is_flag=True, help="Print the headers to send, one `Name: value` a line.")
@click.option("--env", "as_env", is_flag=True, help="Print the variables to set, one `NAME=value` a line, unquoted.")
@click.option("--show", is_flag=True, help="Print to a terminal without asking.")
@options.reaching
@options.as_json
@click.pass_obj
def get(
    call: Call,
    team: str | None,
    installation: str | None,
    user: str | None,
    min_validity: int | None,
    as_header: bool,
    as_env: bool,
    show: bool,
) -> int:
    """Print one user's access token for one installation, and nothing else.

    Takes a satellite's credentials. If the answer would show on a terminal it asks first.

    \b
    --json: {"access_token", "token_type", "expires_at", "expiry", "scopes",
             "version", "cache_until", "url", "headers", "env"}, as a look-up answers.
            Send the token to the origin of `url` and nowhere else.
    """
    need = options.need_of(team, installation, user)
    if as_header + as_env + call.as_json > 1:
        raise click.UsageError("--header, --env and --json exclude each other")
    if not (show or _consented(call)):
        call.console.tell("strongroom: not shown")
        return 1
    with call.strongroom() as strongroom, call.console.waiting():
        release = strongroom.look_up(need, min_validity=min_validity)
    if call.as_json:
        call.console.say_object(release_shown(release))
    elif as_header:
        _lines(call, release.headers, ": ", "headers")
    elif as_env:
        _lines(call, release.env, "=", "variables")
    else:
        call.console.deliver(_token(release))
    return 0


def _consented(call: Call) -> bool:
    """Whether the answer goes to no terminal, or a person there wants it. Asked before Strongroom is."""
    console = call.console
    if not console.out.isatty():
        return True
    if not console.stdin.isatty():
        raise click.UsageError(
            "an access token is not shown on a terminal unasked: give --show, or write to a pipe or file"
        )
    return console.allows(QUESTION)


def _token(release: Release) -> str:
    if release.access_token is None:
        raise Undelivered("this installation needs no OAuth, and has no access token: see --header and --env")
    token = release.access_token.reveal()
    if not is_line(token):
        raise Undelivered("the access token is no line of visible text: use --json")
    return token


def _lines(call: Call, named: Mapping[str, Secret], between: str, what: str) -> None:
    """Print a name and a value a line. A release has none that would begin a line of its own."""
    if not named:
        call.console.tell(f"strongroom: this installation has no {what}")
    for name, value in named.items():
        call.console.deliver(f"{name}{between}{value.reveal()}")
