"""End what the local stack started when the stack itself is gone, however it went.

It reads `+pid` and `-pid` lines (leaders of process groups) from its input. The end of the input is the end of the
stack: whatever group is still listed is asked to stop, and killed soon after. Standard library only, nothing of ours
is imported, and it has a session of its own, so that Ctrl-C in a terminal does not reach it first.
"""

import os
import signal
import sys
import time

GRACE = 2.0  # seconds between asking and killing


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end(groups: set[int]) -> None:
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[:1], int(line[1:])
        if change == "+":
            groups.add(group)
        else:
            groups.discard(group)
    _end(groups)


if __name__ == "__main__":
    main()
