"""What is explored, and how far: the searches of one full round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

from explore.casts import KINDS
from explore.state import Bounds

ACTORS = ("renew", "look_up", "complete", "revoke", "leave")
CUTS = ("leave", "revoke_all", "uninstall")


@dataclass(frozen=True)
class Task:
    """One search: of one part of the plan, at one kind of provider."""

    part: str
    kind: str
    cast: tuple[str, ...]
    bounds: Bounds


PARTS = {
    "pairs": "every pair, with a crash anywhere and one slow answer",
    "hurried": "every pair, with a crash anywhere, and time that passes while somebody stands between two steps",
    "faults": "every pair, with one failing call anywhere and one slow answer",
    "triples": "every triple, with a crash anywhere",
    "outage": "two who renew and the rescue queue, while the table takes no writes, with a crash anywhere",
    "cuts": "leaving, revoking for all or uninstalling, who clears that away, and one or two more, with a crash anywhere",
    "five": "all five together, with at most three preemptions",
}


def tasks() -> Iterator[Task]:
    """All searches, the longest first."""
    for kind in KINDS:
        yield Task("five", kind, ACTORS, Bounds(crashes=0, preemptions=3))
    for kind in KINDS:
        for triple in combinations_with_replacement(ACTORS, 3):
            yield Task("triples", kind, triple, Bounds(crashes=1))
    for kind in KINDS:
        for cast in combinations_with_replacement(ACTORS, 2):
            yield Task("pairs", kind, cast, Bounds(crashes=1, slow=1))
            yield Task("faults", kind, cast, Bounds(crashes=0, slow=1, faults=1))
    for kind, cut, other in product(KINDS, CUTS, (*ACTORS, "clear")):
        yield Task("cuts", kind, (cut, "clear", other), Bounds(crashes=1))
    for cut in CUTS:
        yield Task("cuts", "strict", (cut, "clear", "renew", "complete"), Bounds(crashes=1))
    for cast in combinations_with_replacement(ACTORS, 2):
        yield Task("hurried", "strict", cast, Bounds(crashes=1, hurries=1))
    for kind in KINDS:
        for other in ("renew", "look_up"):
            yield Task("outage", kind, ("renew", other, "rescue"), Bounds(crashes=1, outages=1))
