"""`dev.py peers`: Strongroom against authorization servers, and before a client, that nobody here wrote."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    # The servers of this folder are started from it, and load nothing of the command.
    from local.peers.command import main as run

    return run(arguments)
