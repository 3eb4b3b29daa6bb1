"""`dev.py demo`: start everything, live through a day, stop everything."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from local.actors import Places
from local.day import Day, StepFailed
from local.day_chapters import CHAPTERS
from local.plan import Pace, Ports, demo_options
from local.seed import operators_rows
from local.stack import Stack

# Tokens live twenty seconds here, so that a day goes by in one minute. No clock of the product is moved.
PACE = Pace(access_token=20, renew_ahead=10, short_lived=5, tick_every=0)


def main(arguments: Sequence[str]) -> int:
    """Run the demo; 0 only if every step did what it should."""
    parser = argparse.ArgumentParser(prog="dev.py demo")
    parser.add_argument("--port", type=int, default=8400)
    ports = Ports(parser.parse_args(arguments).port)
    say("Starting: a stand-in for AWS, the functions, a sign-in service, an OAuth provider and an MCP server.")
    with Stack(demo_options(ports, PACE, operators_rows), say) as stack:
        begun, day = time.monotonic(), Day(Places(ports), stack.fire_schedule, say)
        try:
            day.live(CHAPTERS)
        except StepFailed as failed:
            say(f"   FAILED  {failed}\n\nThe functions' logs are in {stack.logs}.")
            return 1
        say(summary(day.steps, time.monotonic() - begun))
    return 0


def summary(steps: int, seconds: float) -> str:
    return (
        f"\nThat was the day: {steps} steps in {len(CHAPTERS)} chapters, "
        f"and each did what it should, in {seconds:.0f} seconds."
    )


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
