"""The command line `strongroom`, for operators and for whoever sets up a gateway."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> int:
    """Run one command with this process's arguments, and give its exit status."""
    try:
        from strongroom_satellite.cli.outside import here
        from strongroom_satellite.cli.run import run

        status = run(sys.argv[1:], here())
    except KeyboardInterrupt:
        status = INTERRUPTED
    _let_go()
    if status == INTERRUPTED:
        os._exit(status)  # an ordinary end would wait for the thread whose answer nobody waits for any more
    return status


def _let_go() -> None:
    """Write what is left. If nobody reads any more, the interpreter must not find that out anew at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
