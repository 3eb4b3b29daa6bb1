"""The doctor's way to the outside: the flow, the guarded client and the catalog of the real system, and nothing of AWS."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from local.doctor_report import report
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.machine import SystemClock
from strongroom.aws import probe_shapes
from strongroom.domain.destinations import judge
from strongroom.domain.errors import EgressRefused
from strongroom.domain.policy import Policy
from strongroom.flows.discover import Reach
from strongroom.flows.probe import examine
from strongroom.ports import Clock, Egress, ProviderCatalog

NOWHERE = "https://strongroom.invalid"  # RFC 2606 §2: as if it were deployed
NOT_CALLED = "That is no URL that Strongroom calls: https, on port 443, and no address inside a network."
THIS_MACHINE = "For a server on this machine add --allow-loopback."


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
    """Look at an MCP server and print what was found; 0 if people could connect, 1 if not, 2 if it may not be called."""
    ports = reach or this_machine(loopback)
    try:
        judge(url, ports.policy.destinations())
    except EgressRefused:
        print(NOT_CALLED, THIS_MACHINE, file=sys.stderr)
        return 2
    found = examine(ports, url)
    shown = probe_shapes.examined(found)
    print(json.dumps(shown, indent=2) if as_json else "\n".join(report(found)))
    return 0 if shown["connects"] else 1
