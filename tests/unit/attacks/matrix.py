"""Every route x every kind of caller: the expected answers as rules, and the answers that really come."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain.team import Caller as Role
from tests.hosts import operators_host_row
from tests.unit import entered
from tests.unit.attacks.doors import reads_documents
from tests.unit.attacks.entrance import OTHER_HOST_KEYS, Entrance
from tests.unit.attacks.hunt import queues_of
from tests.unit.attacks.kinds import (
    ADMIN,
    ANOTHER,
    EX,
    HOST,
    ID_TOKENS,
    KINDS,
    MEMBERS,
    OUTSIDERS,
    PEOPLE,
    ROLES,
    SATELLITE,
    TOGETHER,
    UNPROVEN,
    UNREGISTERED,
    UNSIGNED,
    USER,
    WITHOUT_SCOPE,
    Kind,
)
from tests.world import MCP_URL, Answered, World

OTHER_HOST = Role(OTHER_HOST_KEYS.account, OTHER_HOST_KEYS.role_id)
NEWCOMER = {"account": "123456789012", "role_id": "AROALOCALNEWCOMER001", "allowed": True}


class Scene:
    """Two teams. In acme alice and bob are connected, and carol has consented but not finished."""

    def __init__(self) -> None:
        world = self.world = World()
        world.table.place(operators_host_row(OTHER_HOST, ["rivals", "rivals-*"]))
        self.installation = world.install()
        self.shared = world.install(name="Shared Files", sharing="shared")
        world.connect("alice", self.shared, confirm_shared=True)
        self.entered = entered.installed(world, entered.provider(), name="Entered Files", requires_oauth=True)
        self.foreign = world.install("mallory", "rivals", "Files of the Rivals")
        world.connect("mallory", self.foreign, "rivals")
        for user in ("alice", "bob"):
            world.connect(user, self.installation)
        self.returned = world.consent(world.begin("carol", self.installation), "carol")
        self.answer = urlsplit(world.provider.consent(world.begin("carol", self.installation).url, "carol"))
        self.document = reads_documents(world).rpartition("/")[2]
        self.version = str(world.look_up("bob", self.installation).json["version"])

    @property
    def ids(self) -> dict[str, str]:
        return {"team": "acme", "installation": self.installation, "authorization": self.returned.id}

    def remember(self) -> Callable[[], None]:
        """Give a way back to how our rows and the provider's memory are now."""
        rows, provider = self.world.table.snapshot(), self.world.provider
        kept = {
            name: copy.deepcopy(one) for name, one in vars(provider).items() if name not in ("clock", "answer_next")
        }

        def restore() -> None:
            self.world.table.restore(rows)
            vars(provider).update(copy.deepcopy(kept))

        return restore

    def traces(self) -> tuple[int, ...]:
        """Count all that a call could leave behind: writes, requests to the outside, messages, keys that were opened."""
        sent = [len(queue.sent) for queue in queues_of(self.world)]
        world = self.world
        return len(world.table.committed), len(world.egress.sent), len(world.keys.requests), *sent


# -- What they get -----------------------------------------------------------------------------------------------------

OK = "ok"
"""The status with which the route succeeds. A number is our own refusal, `g` and a number that of API Gateway."""

Rule: TypeAlias = Mapping[str, str]


def each(answer: str, *kinds: Kind | str) -> dict[str, str]:
    return dict.fromkeys((kind if isinstance(kind, str) else kind.name for kind in kinds), answer)


_PEOPLE_ONLY = {
    **each("g401", *UNPROVEN, *UNSIGNED, *TOGETHER, *ROLES),
    **each("g403", *WITHOUT_SCOPE),
    **each("401", *ID_TOKENS),
    **each("404", *OUTSIDERS),
}
_ROLES_ONLY = {
    **each("g403", *UNPROVEN, *PEOPLE, *UNSIGNED, *TOGETHER),
    **each("404", *ROLES),
    **each("403", USER),
}
RULES: Mapping[str, Rule] = {
    "every member": {**_PEOPLE_ONLY, **each(OK, *MEMBERS)},
    "admins": {**_PEOPLE_ONLY, **each("403", *MEMBERS), ADMIN: OK},
    "who began": {**_PEOPLE_ONLY, **each("404", *MEMBERS), ANOTHER: OK},
    "satellites of the team": {**_ROLES_ONLY, UNREGISTERED: "403", SATELLITE: OK},
    "hosts of the team": {**_ROLES_ONLY, HOST: OK},
    "everybody": each(OK, *KINDS),
}


@dataclass(frozen=True)
class Row:
    """A route, who may call it, and the call that passes for those. `but` is where its answers differ from the rule."""

    route: str
    rule: str
    body: Any = None
    ok: int = 200
    but: Rule = field(default_factory=dict)
    note: str = ""
    ids: Callable[[Scene], Mapping[str, str]] = field(default=lambda _: {})
    query: Callable[[Scene], str] = field(default=lambda _: "")
    a_stranger_ends_it: bool = False

    def changes_something(self, kind: Kind) -> bool:
        """Whether the call of this kind of caller leaves its scene of no use for other calls."""
        got = self.expected[kind.name]
        return not self.route.startswith("GET") and (got == OK or (self.a_stranger_ends_it and got[0] != "g"))

    @property
    def changes_rows_of_the_team(self) -> bool:
        """Whether its write asks once more who is an admin. A probe writes nothing, and a connection is somebody's own."""
        return not self.route.startswith("GET") and not self.route.endswith(("/probe", "/authorize", "/connection"))

    @property
    def name(self) -> str:
        return f"{self.route} {self.note}".strip()

    @property
    def expected(self) -> Rule:
        return {**RULES[self.rule], **self.but}

    def request(self, scene: Scene) -> tuple[str, str, bytes]:
        """Method, target and body of the call that passes."""
        method, _, pattern = self.route.partition(" ")
        target = pattern.format(**{**scene.ids, **self.ids(scene)})
        query, body = self.query(scene), self.body(scene) if callable(self.body) else self.body
        return method, f"{target}?{query}" if query else target, b"" if body is None else json.dumps(body).encode()


TEAM = "/v1/teams/{team}"
ONE = f"{TEAM}/installations/{{installation}}"
AUTHORIZATION = "/v1/authorizations/{authorization}"
SATELLITES = "/v1/satellite/teams/{team}/installations/{installation}"
HOSTS = "/v1/host/teams/{team}"


def _of_the_shared(scene: Scene) -> Mapping[str, str]:
    return {"installation": scene.shared}


def _of_the_entered(scene: Scene) -> Mapping[str, str]:
    return {"installation": scene.entered}


ROWS = (
    Row(f"GET {TEAM}/installations", "every member"),
    Row(f"POST {TEAM}/installations", "admins", {"name": "More", "url": MCP_URL}, 201),
    Row(f"GET {ONE}", "every member"),
    Row(f"PATCH {ONE}", "admins", {"name": "Other Files", "enabled": False}),
    Row(f"DELETE {ONE}", "admins"),
    Row(f"PUT {ONE}/client_secret", "admins", {"client_secret": "another-secret"}, ids=_of_the_entered),
    Row(f"GET {ONE}/connections", "admins"),
    Row(f"DELETE {ONE}/connections", "admins"),
    Row(f"GET {ONE}/timeline", "every member"),
    Row(f"GET {TEAM}/records", "admins"),
    Row(f"POST {TEAM}/probe", "admins", {"url": MCP_URL}),
    Row(f"POST {ONE}/authorize", "every member", {}, 201),
    Row(f"POST {ONE}/authorize", "admins", {}, 201, note="(shared)", ids=_of_the_shared),
    Row(f"DELETE {ONE}/connection", "every member"),
    Row(f"DELETE {ONE}/connection", "admins", note="(shared)", ids=_of_the_shared),
    Row(f"GET {AUTHORIZATION}", "who began"),
    Row(
        f"POST {AUTHORIZATION}/complete",
        "who began",
        lambda scene: {"secret": scene.returned.secret},
        but={EX: "400"},
        a_stranger_ends_it=True,
    ),
    Row(
        "GET /oauth/callback/{provider_key}",
        "everybody",
        ok=303,
        ids=lambda scene: {"provider_key": scene.answer.path.rpartition("/")[2]},
        query=lambda scene: scene.answer.query,
    ),
    Row("GET /oauth/clients/{provider_key}", "everybody", ids=lambda scene: {"provider_key": scene.document}),
    Row("GET /connections", "everybody"),
    Row("GET /connections/{file}", "everybody", ids=lambda _: {"file": "page.js"}),
    Row(f"POST {SATELLITES}/token", "satellites of the team", {"user": "bob"}),
    Row(
        f"POST {SATELLITES}/rejected",
        "satellites of the team",
        lambda scene: {"user": "bob", "version": scene.version, "status": 401, "challenge": "Bearer"},
    ),
    Row("POST /v1/satellite/teams/{team}/installations", "satellites of the team", {"user": "bob"}),
    Row(f"GET {HOSTS}/members", "hosts of the team"),
    Row(f"GET {HOSTS}/installations/{{installation}}/connections", "hosts of the team"),
    Row(f"GET {HOSTS}/records", "hosts of the team"),
    Row(f"DELETE {HOSTS}", "hosts of the team"),
    Row(f"PUT {HOSTS}/members", "hosts of the team", {"user": "bob", "role": "team_admin"}),
    Row(f"PUT {HOSTS}/satellites", "hosts of the team", NEWCOMER),
)


# -- What really happens -----------------------------------------------------------------------------------------------


def prepared(kind: Kind) -> Scene:
    """A scene in which the caller is what its kind says."""
    scene = Scene()
    kind.before(scene.world)
    return scene


def called(entrance: Entrance, scene: Scene, row: Row, kind: Kind) -> Answered:
    """Let one kind of caller make a row's call."""
    entrance.world = scene.world
    method, target, body = row.request(scene)
    headers = [*kind.headers(entrance, method, target, body), *([("content-type", "application/json")] if body else [])]
    return entrance.send(method, target, headers, body)


def tried(entrance: Entrance, kind: Kind, rows: Iterable[Row] = ROWS) -> Iterator[tuple[Row, str]]:
    """Make every call as one kind of caller, and see that what is refused leaves nothing behind."""
    scene = prepared(kind)
    for row in rows:
        if row.changes_something(kind):
            yield row, cell(row, called(entrance, prepared(kind), row, kind))
            continue
        before = scene.traces()
        yield row, cell(row, called(entrance, scene, row, kind))
        left = scene.traces() != before
        assert not left or row.expected[kind.name] == OK, f"{kind.name} was refused at {row.name} and left something"


def cell(row: Row, answer: Answered) -> str:
    """Write an answer as the rules write it."""
    if answer.status == row.ok:
        return OK
    by_the_gateway = set(answer.json) == {"message"} if answer.text.startswith("{") else False
    return f"{'g' if by_the_gateway else ''}{answer.status}"


def table(found: Mapping[tuple[str, str], str], rows: Iterable[Row] = ROWS, kinds: Iterable[Kind] = KINDS) -> str:
    """Print all cells; one that differs from its rule as `found!expected`, one that was not tried as `-`."""
    columns, lines = [kind.name for kind in kinds], []
    for number, name in enumerate(columns, 1):
        lines.append(f"{number:>3} {name}")
    lines.append("".join(f"{number:>11}" for number in range(1, len(columns) + 1)))
    for row in rows:
        cells = [_shown(found.get((row.name, name)), row.expected.get(name, "no rule")) for name in columns]
        lines.append(f"{''.join(f'{one:>10}' for one in cells)}  {row.name}")
    return "\n".join(lines)


def _shown(found: str | None, expected: str) -> str:
    return "-" if found is None else found if found == expected else f"{found}!{expected}"
