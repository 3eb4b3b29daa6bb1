"""`strongroom completion`: what a shell has to be told once."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from strongroom_satellite.cli.outside import Call

PROGRAM = "strongroom"
VARIABLE = "_STRONGROOM_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
To install it, once:
  bash (4.4 or later)  strongroom completion bash > ~/.local/share/bash-completion/completions/strongroom
  zsh                  strongroom completion zsh > ~/.zfunc/_strongroom
                       with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  fish                 strongroom completion fish > ~/.config/fish/completions/strongroom.fish
Or for this shell alone:
  eval "$(strongroom completion bash)"
"""
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(SHELLS), required=False)
@click.pass_obj
def completion(call: Call, shell: str | None) -> int:
    """Print the script that makes a shell complete commands and options."""
    kind = get_completion_class(shell) if shell else None
    if kind is None:
        raise click.UsageError("say for which shell: bash, zsh or fish")
    script = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    for line in (script.source_template % script.source_vars()).splitlines():
        call.console.deliver(line)
    return 0
