"""`dev.py conformance`: play the official suite's scored `auth/*` scenarios against the running system.

The client under test is Strongroom: the handlers behind the local front, called over HTTP. What the suite runs as its
client knows no OAuth.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from local.accounts import HOST, SATELLITE, Member
from local.conformance_client import USER
from local.conformance_scenarios import SCENARIOS, Ending, Scenario
from local.conformance_suite import RESULTS, Verdict, install, run
from local.demo import say
from local.errors import LocalError
from local.plan import HIGHEST_PORT, Options, Pace, Ports, demo_options
from local.seed import operators_rows
from local.stack import Stack

FIRST_OF_SUITE = 100  # behind the ports of the system itself
PORTS_OF_SCENARIO = 4
NEEDED = ("sign-in service",)

# The suite expects our client metadata document there. Its mock knows neither `private_key_jwt` nor `iss` in the scenarios
# with such a document: an exception of this run, and of nothing else.
_EXCEPTION = {"STRONGROOM_CONFORMANCE_CLIENT": "https://conformance-test.local/client-metadata.json"}


def main(arguments: Sequence[str]) -> int:
    """Play every scenario, one line each; 0 only if all of them hold."""
    parser = argparse.ArgumentParser(prog="dev.py conformance")
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("-k", dest="expression", default="")
    asked = parser.parse_args(arguments)
    if asked.port + FIRST_OF_SUITE + len(SCENARIOS) * PORTS_OF_SCENARIO > HIGHEST_PORT:
        raise LocalError("The scenarios need more ports than there are behind that one; choose a lower --port.")
    chosen = [one for one in SCENARIOS if asked.expression in one.team]
    if not chosen:
        raise LocalError(f"No scenario has {asked.expression!r} in its name.")
    say("Installing the conformance suite and its Node, if they are not there.")
    install()
    say("Starting: a stand-in for AWS, the functions and a sign-in service.")
    with Stack(_options(Ports(asked.port)), say) as stack:
        return _play(stack, chosen)


def _options(ports: Ports) -> Options:
    options = demo_options(ports, Pace(tick_every=0), operators_rows)
    services = tuple(service for service in options.services if service.name in NEEDED)
    return replace(
        options, services=services, members=(), satellites={}, environment={**options.environment, **_EXCEPTION}
    )


def _play(stack: Stack, chosen: Sequence[Scenario]) -> int:
    began = time.monotonic()
    outcomes = {scenario: _tell(stack, scenario, number) for number, scenario in enumerate(chosen)}
    seconds = time.monotonic() - began
    scored = [held for scenario, held in outcomes.items() if scenario.is_scored]
    old = [held for scenario, held in outcomes.items() if not scenario.is_scored]
    say(f"{sum(scored)} of {len(scored)} scored scenarios hold, and {sum(old)} of {len(old)} for old servers.")
    say(f"It took {seconds:.0f} seconds. What the suite said is in {RESULTS}.")
    return 0 if all(outcomes.values()) else 1


def _tell(stack: Stack, scenario: Scenario, number: int) -> bool:
    complaints = _complaints(stack, scenario, number)
    say(f"  FAIL  {_title(scenario)}" if complaints else f"  ok    {_title(scenario)}  {scenario.ending}")
    for complaint in complaints:
        say(f"          {complaint}")
    return not complaints


def _title(scenario: Scenario) -> str:
    return f"{scenario.revision}  {scenario.name:<44}"


def _complaints(stack: Stack, scenario: Scenario, number: int) -> list[str]:
    """What the suite has against a scenario, and whether it ended where it should."""
    stack.put_member(HOST, Member(scenario.team, USER, "team_admin"))
    stack.put_satellite(HOST, scenario.team, SATELLITE)
    ports, log = stack.options.ports, stack.logs / "CallbackFunction.log"
    seen = log.stat().st_size if log.exists() else 0
    client = [sys.executable, "-m", "local.conformance_client", "--port", str(ports.first), "--team", scenario.team]
    verdict = run(scenario, client, ports.first + FIRST_OF_SUITE + number * PORTS_OF_SCENARIO)
    ending = _ending(verdict, log, seen)
    wrong = [] if ending == scenario.ending else [f"it ended at `{ending}`, not at `{scenario.ending}`"]
    unexplained = [] if verdict.passed or verdict.complaints or wrong else ["the suite did not say that it passed"]
    return [*verdict.complaints, *wrong, *unexplained]


def _ending(verdict: Verdict, log: Path, seen: int) -> Ending:
    """Where the client ended. A browser is not told why its answer was refused: that is in the function's log."""
    lines = verdict.said.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return Ending("client", "broke down")
    told = json.loads(lines[-1])
    code = told["code"] or (next(_refusals(log, seen), "") if told["step"] == "callback" else "")
    return Ending(told["step"], code)


def _refusals(log: Path, seen: int) -> Iterator[str]:
    """The codes of what a function has refused since its log had this size."""
    with log.open("rb") as lines:
        lines.seek(seen)
        for line in lines:
            if line.startswith(b"{"):
                event = json.loads(line)
                if event.get("event") == "refused":
                    yield str(event["code"])
