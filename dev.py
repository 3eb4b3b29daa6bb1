#!/usr/bin/env python3
"""Try, run, test and build Strongroom: the one entry, which needs nothing but Python 3.11.

This file keeps to the syntax of Python 3.8, so that an older Python can say what is missing.
"""

import sys
from typing import Optional, Tuple

NEEDED = (3, 11)


def too_old(version: Tuple[int, int]) -> Optional[str]:
    """Say in one sentence what to do about a Python that is too old."""
    if version >= NEEDED:
        return None
    return (
        "Strongroom needs Python 3.11 or newer, and this is Python %d.%d: install one from "
        "https://www.python.org/downloads/ or with your system's package manager, and run it with that." % version
    )


def main() -> int:
    sentence = too_old((sys.version_info[0], sys.version_info[1]))
    if sentence:
        sys.stderr.write(sentence + "\n")
        return 1
    from local.commands import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
