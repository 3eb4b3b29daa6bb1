"""The commands of `dev.py`, inside the environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from local import checks
from local.commands import parser
from local.errors import LocalError


def main(arguments: Sequence[str]) -> int:
    """Run one command; every failure that a person can mend is one sentence."""
    options = parser().parse_args(arguments)
    try:
        match options.command:
            case "test":
                return checks.test(options.unit, options.expression, options.pytest)
            case "lint":
                return checks.lint()
            case "fmt":
                return checks.fmt()
            case "lock":
                return checks.lock(options.upgrade)
            case running:
                # `demo`, `serve`, `consent`: each loads what it runs, and nobody else has to.
                return int(import_module(f"local.{running}").main(list(arguments[1:])) or 0)
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 0 if options.command == "serve" else 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
