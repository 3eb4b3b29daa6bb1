"""The doctor's way to the outside: the flow, the guarded client and the catalog of the real system, and nothing of AWS."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from local.doctor_report import report
from local.doctor_sight import Sight
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.machine import SystemClock
from strongroom.aws import probe_shapes
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import EgressRefused
from strongroom.domain.policy import Policy
from strongroom.flows.discover import Reach
from strongroom.flows.probe import examine
from strongroom.ports import Clock, Egress, ProviderCatalog

NOWHERE = "https://strongroom.invalid"  # RFC 2606 §2: as if it were deployed
THIS_MACHINE = "For a server on this machine add --allow-loopback."

EXITS: Final[Mapping[bool | None, int]] = {True: 0, False: 1, None: 3}


@dataclass(frozen=True)
class Machine:
    """The ports of a discovery, from where we are."""

    egress: Egress
    catalog: ProviderCatalog
    clock: Clock
    policy: Policy


def this_machine(loopback: bool) -> Machine:
    return Machine(
        GuardedEgress(loopback=loopback), CatalogFiles(), SystemClock(), Policy(NOWHERE, NOWHERE, loopback=loopback)
    )


def examined(url: str, *, as_json: bool, loopback: bool, reach: Reach | None = None) -> int:
    """Look at an MCP server and print what was found.

    Give 0 if people could connect, 1 if not, 2 if it may not be called, 3 if only trying would tell.
    """
    ports = reach or this_machine(loopback)
    rules = ports.policy.destinations()
    try:
        judge(url, rules)
    except EgressRefused as refusal:
        _refuse(refusal, as_json=as_json)
        if _is_near(url, rules):
            print(THIS_MACHINE, file=sys.stderr)
        return 2
    sight = Sight(ports.egress, rules)
    found = examine(Machine(sight, ports.catalog, ports.clock, ports.policy), url)
    print(_as_json(probe_shapes.examined(found)) if as_json else "\n".join(report(found, sight)))
    return EXITS[found.connects]


def _refuse(refusal: EgressRefused, *, as_json: bool) -> None:
    if as_json:
        print(_as_json({"error": refusal.public_code, "message": refusal.sentence}))
    else:
        print(refusal.sentence, file=sys.stderr)


def _is_near(url: str, rules: Rules) -> bool:
    try:
        return judge(url, replace(rules, loopback=True)).near
    except EgressRefused:
        return False


def _as_json(shown: Mapping[str, object]) -> str:
    return json.dumps(shown, indent=2)
