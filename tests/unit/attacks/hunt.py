"""A day whose every secret is known, everything that it left behind, and a search for the one in the other."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from strongroom.adapters.signer import Es256
from strongroom.aws.journal import Journal
from strongroom.domain.client_authentication import PublicKey
from strongroom.domain.errors import KeysUnavailable, StoreUnavailable
from strongroom.domain.http import Answer, NoAnswer, Outgoing, Reply
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change, Put
from tests.fakes.clock import FakeJournal, Field
from tests.fakes.egress import FakeEgress
from tests.fakes.faults import Hook, fails
from tests.fakes.provider import READS_DOCUMENTS
from tests.fakes.queue import FakeQueue
from tests.world import RIVAL_GATEWAY, Answered, Consented, World

OURS = tuple(
    f"{Path(__file__).resolve().parents[3] / place}/" for place in ("layers/common/python/strongroom", "functions")
)
"""Where a frame of the product comes from, wherever the project lies."""

PROVIDER = "https://provider.example"
Secrets: TypeAlias = dict[str, set[str]]


# -- spelling


def aligned(data: bytes, encode: Callable[[bytes], bytes]) -> set[str]:
    """Base64 of the data wherever it may stand in something longer, without the letters that depend on its neighbours."""
    found = set()
    for before in range(3):
        text = encode(b"\0" * before + data).decode().rstrip("=")
        whole = (before + len(data)) * 8 // 6
        found.add(text[-(-before * 8 // 6) : whole])
    return found


@cache
def spellings(secret: str) -> frozenset[str]:
    """Write a secret as it might turn up in a row, a line, a URL or a dump; parts of it count as well."""
    data = secret.encode("latin-1")
    random_part = secret.rpartition("-")[2] if len(secret) > 60 else secret
    texts = {secret, random_part[:16], random_part[-16:], data.hex(), data.hex().upper(), quote(secret, safe="")}
    texts |= {"".join(f"%{byte:02x}" for byte in data), "".join(f"%{byte:02X}" for byte in data)}
    texts |= {"".join(f"\\u{byte:04x}" for byte in data), "".join(f"\\x{byte:02x}" for byte in data)}
    texts |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.upper(), secret.swapcase()}
    for way in (data, data[::-1]):
        texts |= aligned(way, base64.b64encode) | aligned(way, base64.urlsafe_b64encode)
    return frozenset(spelling for text in texts if len(text) >= 12 for spelling in (text, text[::-1]))


def found_in(text: str, secrets: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Name each kind of secret that shows in the text, with the spelling."""
    return [
        (kind, spelling)
        for kind, values in secrets.items()
        for secret in values
        for spelling in spellings(secret)
        if spelling in text
    ]


# -- watching


class Both:
    """The journal that tests read and the one that writes lines, side by side."""

    def __init__(self, entries: FakeJournal, lines: Journal) -> None:
        self._both = (entries, lines)

    def about(self, request_id: str) -> None:
        for one in self._both:
            one.about(request_id)

    def note(self, event: str, **fields: Field) -> None:
        for one in self._both:
            one.note(event, **fields)

    def alarm(self, event: str, **fields: Field) -> None:
        for one in self._both:
            one.alarm(event, **fields)

    def count(self, metric: str, amount: int = 1) -> None:
        for one in self._both:
            one.count(metric, amount)


class Quiet:
    """The outside world, without a way to print it: it knows all secrets, and is none of ours."""

    def __init__(self, world: FakeEgress) -> None:
        self.send, self.dial = world.send, world.dial


class ListeningSigner(Es256):
    """Remembers the private keys that it makes, as text and as numbers."""

    def __init__(self, know: Callable[..., None]) -> None:
        self._know = know

    def make(self, seed: bytes) -> tuple[Secret, PublicKey]:
        private, public = super().make(seed)
        scalar = base64.urlsafe_b64decode(private.reveal() + "=")
        self._know("private key", private.reveal(), scalar.decode("latin-1"), int.from_bytes(scalar, "big"))
        return private, public


@dataclass(frozen=True)
class Exchange:
    """An answer of ours, and to whom."""

    to: str
    path: str
    answer: Answered


@dataclass
class Watched:
    """A world that keeps each secret it gives out and each answer it gives."""

    world: World = field(default_factory=World)
    lines: io.StringIO = field(default_factory=io.StringIO)
    secrets: Secrets = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        self.start_anew()
        for path in ("/token", "/register"):
            world.egress.on("POST", PROVIDER + path, self._listening(world.egress.routes["POST", PROVIDER + path]))
        world.call = self._watching(world.call)  # type: ignore[method-assign]

    def start_anew(self) -> None:
        """Let the functions be just started: nothing is cached."""
        world = self.world
        journal = Both(world.journal, Journal("test", "test", world.clock, self.lines))
        started = replace(world.new_environment(), journal=journal, egress=Quiet(world.egress))
        world.ports = replace(started, signer=ListeningSigner(self.know))

    def know(self, kind: str, *values: object) -> None:
        self.secrets.setdefault(kind, set()).update(str(value) for value in values if value)

    def known(self) -> Secrets:
        """Every secret so far: what the provider and we made up, and the keys of the vault."""
        for kind, name in (("verifier", "code_verifier"), ("assertion", "client_assertion")):
            self.know(kind, *(form.get(name) for form in self.world.provider.token_requests))
        self.know("data key", *(key.decode("latin-1") for key in self.world.keys.data_keys()))
        return self.secrets

    def _listening(self, behave: Callable[[Outgoing], Answer]) -> Callable[[Outgoing], Answer]:
        def listening(request: Outgoing) -> Answer:
            answer = behave(request)
            body = json.loads(answer.body) if isinstance(answer, Reply) and answer.body.startswith(b"{") else {}
            for kind in ("access_token", "refresh_token", "client_secret"):
                self.know(kind, body.get(kind))
            return answer

        return listening

    def _watching(self, call: Callable[..., Answered]) -> Callable[..., Answered]:
        def watching(
            method: str, path: str, body: Any = None, authorizer: Mapping[str, Any] | None = None, **more: Any
        ) -> Answered:
            answer = call(method, path, body, authorizer, **more)
            to = next(iter(authorizer)) if authorizer else "browser"
            self.exchanges.append(Exchange(to, path, answer))
            asked = dict(parse_qsl(more.get("query", "")))
            self.know("code", asked.get("code"))
            self.know("state", asked.get("state"))
            if answer.status == 303:
                self.know("completion secret", fragment(answer).get("secret"))
            if path.endswith("/authorize") and answer.status == 201:
                self.know("state", dict(parse_qsl(urlsplit(answer.json["authorization_url"]).query))["state"])
            return answer

        return watching

    # -- what it left behind

    def left_behind(self) -> dict[str, str]:
        """Everything that must hold no secret, by where it is."""
        world = self.world
        sent = [message for queue in queues_of(world) for message in queue.sent + queue.dead]
        written = [dict(write.item if isinstance(write, Put) else write.put) for write in self._writes()]
        return {
            "the table": " ".join(map(plain, [*written, *map(dict, world.table.snapshot().values())])),
            "its keys": " ".join(f"{key.pk} {key.sk}" for key in world.table.snapshot()),
            "the queues": " ".join(f"{message.body} {message.group}" for message in sent),
            "the log": self.lines.getvalue(),
            "the journal": repr(world.journal.entries),
            "the errors": " ".join(self.errors),
            "answers to people, hosts and browsers": " ".join(map(shown, self.exchanges)),
        }

    def _writes(self) -> Iterator[Put | Change]:
        for commit in self.world.table.committed:
            yield from (write for write in commit if isinstance(write, Put | Change))


def queues_of(world: World) -> list[FakeQueue]:
    queues = world.queues
    found = [
        queue for queue in (queues.sweep, queues.renewal, queues.rescue, queues.chore) if isinstance(queue, FakeQueue)
    ]
    assert len(found) == 4
    return found


def plain(value: object) -> str:
    """Write a row with its bytes as they are, not as Python would escape them."""
    match value:
        case bytes():
            return value.decode("latin-1")
        case dict():
            return " ".join(f"{name}={plain(inner)}" for name, inner in value.items())
        case list() | tuple():
            return " ".join(map(plain, value))
    return str(value)


def fragment(answer: Answered) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).fragment))


def shown(exchange: Exchange) -> str:
    """An answer without the two places where a secret has to go: the browser's own URLs, and the satellite's token."""
    text, headers = exchange.answer.text, dict(exchange.answer.headers)
    if exchange.path.endswith("/authorize") and exchange.answer.status == 201:
        body = exchange.answer.json
        parameters = dict(parse_qsl(urlsplit(body["authorization_url"]).query))
        del parameters["state"]
        text = json.dumps({**body, "authorization_url": parameters})
    if exchange.answer.status == 303:
        kept = {name: value for name, value in fragment(exchange.answer).items() if name != "secret"}
        headers["location"] = f"{headers['location'].partition('#')[0]} {kept}"
    if exchange.to == "iam" and exchange.answer.status == 200 and "access_token" in exchange.answer.text:
        body = exchange.answer.json
        rest = {name: value for name, value in body.items() if name not in {"access_token", "headers"}}
        others = {name: value for name, value in body["headers"].items() if name != "Authorization"}
        text = json.dumps({**rest, "headers": others})
    return f"{exchange.path if exchange.to != 'browser' else ''} {text} {headers}"


@contextmanager
def every_error(into: list[str]) -> Iterator[None]:
    """Write down every error that passes through a frame of ours, also those that are caught."""

    def ours(frame: FrameType) -> bool:
        return any(part in frame.f_code.co_filename for part in OURS)

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception":
            error = argument[1]
            into.append(f"{error!r} {error} {getattr(error, 'args', '')} {getattr(error, 'detail', '')}")
        return watch

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_lines = False
        return watch if ours(frame) else None

    before = sys.gettrace()
    sys.settrace(enter)
    threading.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before)


# -- the day


def a_whole_day(watched: Watched) -> None:
    """Everything that can happen to people on one day, good and bad."""
    world = watched.world
    with every_error(watched.errors):
        installation = world.install()
        shared = world.install(name="Shared Files", sharing="shared")
        world.connect("alice", shared, confirm_shared=True)
        for user in ("alice", "bob"):
            world.connect(user, installation)
        _look_ups(world, installation, shared)
        _refusals(world, installation)
        _renewals(world, installation)
        _faults(watched, installation)
        _endings(world, installation)
        _signatures(world)


def _look_ups(world: World, installation: str, shared: str) -> None:
    version = world.look_up("bob", installation).json["version"]
    world.look_up("bob", shared)
    world.look_up("carol", installation)
    world.look_up("nobody", installation)
    world.look_up("bob", installation, not_version=version)
    world.reject(
        "alice", installation, world.look_up("alice", installation).json["version"], challenge='Bearer error="x"'
    )
    world.look_up("alice", installation, min_validity=-1)
    for user in ("alice", "bob", "mallory"):
        world.as_user(user, "GET", "/v1/teams/acme/installations")
        world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}")


def _refusals(world: World, installation: str) -> None:
    """A denial, a second callback, a wrong issuer, a wrong secret, another person, broken requests with secrets in them."""
    world.browse(world.provider.consent(world.begin("carol", installation).url, "carol", error="access_denied"))
    url = world.provider.consent(world.begin("carol", installation).url, "carol")
    answer = world.browse(url)
    world.browse(url)
    secret = fragment(answer)
    world.complete("mallory", Consented(secret["authorization"], secret["secret"]))
    wrong = world.consent(world.begin("carol", installation), "carol")
    world.complete("carol", Consented(wrong.id, "w" * 43))
    world.browse(
        world.provider.consent(world.begin("carol", installation).url, "carol").replace("iss=https", "iss=http")
    )
    done = world.consent(world.begin("carol", installation), "carol")
    path = f"/v1/authorizations/{done.id}/complete"
    world.as_user("carol", "POST", path, {"secret": done.secret, "unknown": done.secret})
    world.as_user("carol", "POST", path, raw_body=f'{{"secret":"{done.secret}')
    world.as_user("carol", "GET", f"/v1/authorizations/{done.id}")
    world.complete("carol", done)
    world.complete("carol", done)


def _renewals(world: World, installation: str) -> None:
    world.clock.advance(3100)
    world.tick()
    world.clock.advance(3570)
    world.look_up("bob", installation)
    world.provider.withdraw("alice")
    world.clock.advance(3100)
    world.tick()
    world.look_up("alice", installation)
    world.connect("alice", installation)


def _faults(watched: Watched, installation: str) -> None:
    """A provider that is silent, broken or rude, a table that refuses what a provider gave, keys that are away."""
    world = watched.world
    for answer in (NoAnswer("timed_out"), Reply(500, {}, b"oh"), Reply(400, {}, b'{"error":"invalid_client"}')):
        world.clock.advance(3570)
        world.provider.answer_next.append(partial(_say, answer))
        world.look_up("bob", installation)
        world.clock.advance(900)
        world.tick()
    world.clock.advance(3570)
    world.table.before["commit"] = _refuse_tokens
    world.look_up("bob", installation)
    world.complete("carol", world.consent(world.begin("carol", installation), "carol"))
    world.table.before.clear()
    world.deliver()
    watched.start_anew()
    world.keys.before["decrypt"] = fails(KeysUnavailable("away"), times=3)
    for user in ("alice", "bob", "carol"):
        world.look_up(user, installation)
    world.keys.before.clear()
    world.clock.advance(600)


def _say(answer: Answer, request: Outgoing) -> Answer:
    return answer


def _refuse_tokens(writes: Any) -> None:
    for write in writes:
        if isinstance(write, Put | Change) and "access" in (write.item if isinstance(write, Put) else write.put):
            raise StoreUnavailable("away")


def _endings(world: World, installation: str) -> None:
    world.revoke("bob", installation)
    world.deliver()
    world.look_up("bob", installation)
    world.put_member("acme", "carol", None)
    world.look_up("carol", installation)
    world.clock.advance(3100)
    world.tick()


def _signatures(world: World) -> None:
    """Another team's client signs: it connects, is rejected, renews and revokes."""
    world.provider.metadata |= READS_DOCUMENTS
    installation = world.install("mallory", "rivals")
    begun = world.begin("mallory", installation, "rivals")
    client_id = dict(parse_qsl(urlsplit(begun.url).query))["client_id"]
    world.provider.documents[client_id] = world.browse(client_id).json
    world.complete("mallory", world.consent(begun, "mallory"))
    for answer in (Reply(401, {}, b'{"error":"invalid_client"}'), NoAnswer("timed_out")):
        world.clock.advance(3570)
        world.provider.answer_next.append(partial(_say, answer))
        world.look_up("mallory", installation, by=RIVAL_GATEWAY, team="rivals")
    world.clock.advance(3570)
    world.look_up("mallory", installation, by=RIVAL_GATEWAY, team="rivals")
    world.revoke("mallory", installation, "rivals")
    world.deliver()


# -- moments of it


class Place:
    """A world in which bob is connected and carol has two authorizations under way, seen by functions just started."""

    def __init__(self) -> None:
        self.watched = Watched()
        world = self.watched.world
        self.installation = world.install()
        world.connect("bob", self.installation)
        self.version = world.look_up("bob", self.installation).json["version"]
        self.returned = world.consent(world.begin("carol", self.installation), "carol")
        self.url = world.provider.consent(world.begin("carol", self.installation).url, "carol")
        self.watched.start_anew()


def raising(error: Exception) -> Hook:
    def hook(argument: Any) -> None:
        raise error

    return hook
