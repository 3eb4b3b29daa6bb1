"""The command `strongroom` itself."""

from __future__ import annotations

import click

import strongroom_satellite
from strongroom_satellite.cli import options
from strongroom_satellite.cli.completion import PROGRAM, completion
from strongroom_satellite.cli.doctor import doctor
from strongroom_satellite.cli.get import get
from strongroom_satellite.cli.rejected import rejected
from strongroom_satellite.cli.who import who


@click.group(
    no_args_is_help=False,
    epilog="""\b
Exit status:
  0    done
  1    could not: no answer, no network, no credentials
  2    wrong arguments or settings, said in one sentence
  3    a person must act: the link is on stderr, with --json on stdout too
  4    Strongroom refused this caller, or what was asked for
  130  interrupted
With --json an error is one object on stdout too: {"error", "message", "request_id"},
and with 3 "reason" and "link", with 1 "retry_after" (seconds, or null) if waiting helps.

\b
Environment:
  STRONGROOM_URL       Strongroom's address, or
  STRONGROOM_FUNCTION  the token function, for direct invoke
  STRONGROOM_TEAM      the team, where --team is not given
  AWS_*                credentials and region, as all of AWS's tools read them

\b
Examples:
  export STRONGROOM_URL=https://strongroom.example STRONGROOM_TEAM=acme
  strongroom doctor
  strongroom who --user alice
  strongroom get --installation $ID --user alice > token
""",
)
@click.version_option(strongroom_satellite.__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@options.reaching
def root() -> None:
    """Ask Strongroom who is connected, and for the tokens of MCP servers."""


for command in (who, get, rejected, doctor, completion):
    root.add_command(command)
