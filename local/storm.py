"""`dev.py storm`: everything is due at once, a hundred look-ups ask, and the processes that renew are killed at random.

No connection that its provider still honours may be lost, and no provider may see a refresh token twice unless somebody
died over it. First a round in which nobody is killed, which every look-up has to survive; then the storm.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from local.commands import parser
from local.demo import say
from local.errors import LocalError
from local.npm import NoNpm
from local.peers.servers import PEERS, prepare
from local.plan import HIGHEST_PORT, ROOT, Ports
from local.stack import Stack
from local.storm_judge import Storm, calm_violations
from local.storm_scene import DISTANCE, FRESH, LAST_PORT, Scene, options, people, scene
from local.storm_weather import Weather

KILLS_IN_A_ROUND = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """How large a storm is, where its template and functions are, and how many seconds away a provider is."""

    ports: Ports
    folder: Path
    connections: int = 16
    look_ups: int = 100
    kills: int = 9
    seed: int = 1
    with_node: bool = True
    project: Path = ROOT
    distance: float = DISTANCE


@dataclass(frozen=True, slots=True)
class Told:
    """What was found: in the round in which nobody died, and after the storm, if there was one."""

    calm: Storm
    storm: Storm | None
    violations: list[str]


def main(arguments: Sequence[str]) -> int:
    """Raise a storm; 0 only if nothing happened that must not."""
    asked = parser().parse_args(["storm", *arguments])
    ports = Ports(asked.port)
    if asked.port + LAST_PORT > HIGHEST_PORT:
        raise LocalError("A storm needs a hundred ports; choose a lower --port.")
    if asked.connections < 2 or asked.look_ups < 1 or asked.kills < 0:
        raise LocalError("A storm needs two connections and one look-up at least.")
    wanted = Wanted(
        ports,
        ROOT / ".dev" / f"storm-{ports.first}",
        asked.connections,
        asked.look_ups,
        asked.kills,
        asked.seed,
        not asked.without_node and _has_node(),
    )
    begun = time.monotonic()
    told = play(wanted, say)
    say(f"It took {time.monotonic() - begun:.0f} seconds. All logs are in {wanted.folder}.")
    return 1 if told.violations else 0


def _has_node() -> bool:
    try:
        prepare(PEERS[0], say)
    except NoNpm as reason:
        say(f"Without oidc-provider, against a second Files Provider: {reason}")
        return False
    return True


def play(wanted: Wanted, say: Callable[[str], None]) -> Told:
    """Start everything, let all connect, and go through the rounds.

    Raises:
        LocalError: If the system does not come up or to rest.
    """
    users = people(math.ceil(wanted.connections / 2))
    say("Starting: a stand-in for AWS, the functions, a sign-in service, two OAuth providers and their MCP servers.")
    system = options(wanted.ports, users, wanted.with_node, wanted.folder, wanted.project)
    with Stack(system, say) as stack, scene(stack, wanted.with_node, wanted.distance) as where:
        say(f"{len(users)} people connect to {' and '.join(one.name for one in where.providers)}.")
        where.connect(users)
        return _rounds(wanted, where, say)


def _rounds(wanted: Wanted, where: Scene, say: Callable[[str], None]) -> Told:
    chance = Random(wanted.seed)  # noqa: S311 - a storm that can be asked for again
    calm, violations = _calm(Weather(where, chance), wanted, say)
    if violations or not wanted.kills:
        return Told(calm, None, violations)
    storm = _storm(Weather(where, chance), wanted, say)
    return Told(calm, storm, _shown(storm, storm.violations(), say))


def _calm(weather: Weather, wanted: Wanted, say: Callable[[str], None]) -> tuple[Storm, list[str]]:
    say("\nEverything is due at once, and nobody is killed:")
    weather.round(wanted.look_ups, 0)
    calm = _judged(weather)
    return calm, _shown(calm, [*calm_violations(calm), *calm.violations()], say)


def _storm(weather: Weather, wanted: Wanted, say: Callable[[str], None]) -> Storm:
    left = wanted.kills
    while left:
        kills = min(left, KILLS_IN_A_ROUND)
        say(f"\nEverything is due at once, and {kills} of those who renew are killed ...")
        weather.round(wanted.look_ups, kills)
        left -= kills
    say("Calm: whoever died is followed by somebody else ...")
    weather.settle()
    return _judged(weather)


def _judged(weather: Weather) -> Storm:
    ends = weather.ends()
    return Storm(weather.scene.books(), weather.refreshed, weather.look_ups, weather.deaths(), ends, FRESH)


def _shown(storm: Storm, violations: list[str], say: Callable[[str], None]) -> list[str]:
    for what, number in storm.table():
        say(f"  {what:<32}{number}")
    for one in violations:
        say(f"  VIOLATION  {one}")
    say("  Nothing was lost." if not violations else f"  {len(violations)} violations.")
    return violations
