"""`strongroom rejected`: report that an MCP server did not take a token."""

from __future__ import annotations

import re

import click

from strongroom_satellite.asks import MOST_CHALLENGE
from strongroom_satellite.cli import options
from strongroom_satellite.cli.outside import Call
from strongroom_satellite.cli.shapes import outcome_shown

_VERSION = re.compile(r"[\x21-\x7e]{1,255}")


@click.command(
    epilog="""\b
Examples:
  strongroom rejected --team acme --installation $ID --user alice --version $VERSION --status 401
  strongroom rejected --team acme --installation $ID --user alice --version $VERSION --status 403 \\
      --challenge 'Bearer error="insufficient_scope", scope="files:write"'
"""
)
@options.team
@options.installation
@options.user
@click.option(
    "--version", "version", metavar="VERSION", help="The `version` of `strongroom get --json`, not the token."
)
@click.option("--status", type=click.Choice(["401", "403"]), help="What the MCP server answered.")
@click.option("--challenge", metavar="TEXT", help="Its header WWW-Authenticate.")
@options.reaching
@options.as_json
@click.pass_obj
def rejected(
    call: Call,
    team: str | None,
    installation: str | None,
    user: str | None,
    version: str | None,
    status: str | None,
    challenge: str | None,
) -> int:
    """Report that the MCP server rejected a version of a token, and say what came of it.

    Strongroom renews it if it can. Takes a satellite's credentials; prints no token.

    \b
    --json: {"outcome", "version", "expires_at"}
    outcome: another (look it up: it is another version than the rejected one),
             same (nothing better is to be had)
    """
    need = options.need_of(team, installation, user)
    if version is None:
        raise options.missing("version")
    if status is None:
        raise options.missing("status")
    if not _VERSION.fullmatch(version):
        raise click.UsageError("--version takes what `strongroom get --json` gives as `version`")
    if challenge is not None and len(challenge) > MOST_CHALLENGE:
        raise click.UsageError(f"--challenge takes at most {MOST_CHALLENGE} characters")
    with call.strongroom() as strongroom, call.console.waiting():
        release = strongroom.rejected(need, version, int(status), challenge)
    if call.as_json:
        call.console.say_object(outcome_shown(release, version))
    elif release.version == version:
        call.console.say("Nothing better is to be had: Strongroom gives the same version.")
    else:
        call.console.say(f"Another version is to be had: {release.version}")
    return 0
