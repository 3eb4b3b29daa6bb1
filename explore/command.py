"""What `python3 -m explore` prints: every pair, or with `3` every triple, with one crash anywhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations_with_replacement

from explore.search import Found, Search
from explore.worlds import Ground

CAST = ("renew", "look_up", "revoke")


def main(arguments: Sequence[str]) -> int:
    size = int(arguments[0]) if arguments else 2
    ground = Ground.due()
    found = [_explored(ground, cast) for cast in combinations_with_replacement(CAST, size)]
    violations = sum(len(one.violations) for one in found)
    total = f"{sum(one.states for one in found)} states, {sum(one.runs for one in found)} runs, {violations} violations"
    sys.stdout.write(total + "\n")
    return 1 if violations or not all(one.whole for one in found) else 0


def _explored(ground: Ground, cast: tuple[str, ...]) -> Found:
    found = Search(ground, cast, hurries=1 if len(cast) == 2 else 0).run()
    sys.stdout.write(f"{found}\n")
    sys.stdout.flush()
    for violation in found.violations[:3]:
        sys.stdout.write(f"  {'; '.join(violation.rules)}\n" + "".join(f"    {step}\n" for step in violation.schedule))
    return found
