"""Faults of a token endpoint, by switch: what goes wrong, and whether the work was done by then."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Literal, TypeAlias

from strongroom.domain.http import Answer, NoAnswer, Outgoing, Reply
from tests.fakes.egress import Behaviour
from tests.fakes.provider import FakeProvider

Stage: TypeAlias = Literal["before", "after", "odd"]
Change: TypeAlias = Callable[[Reply, float], Answer]
"""Makes of the honest answer, at a time, what arrives."""

LATE_GATEWAY, BUSY, AWAY = 504, 503, 502


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request.

    `before`: the provider has done nothing. `after`: it has done its work, and its answer is lost on the way. `odd`: it has
    done its work and says so, in an odd way.
    """

    stage: Stage
    change: Change

    def of(self, provider: FakeProvider) -> Behaviour:
        """What the provider's token endpoint does while it has this fault."""

        def behave(request: Outgoing) -> Answer:
            honest: Answer = NOTHING if self.stage == "before" else provider.honest(request)
            assert isinstance(honest, Reply)
            # A refusal is no work: it arrives as it is.
            return honest if honest.status == 400 and self.stage == "odd" else self.change(honest, provider.clock.now())

        return behave


NOTHING = Reply(200, {}, b"")


def switch_on(provider: FakeProvider, fault: Fault, times: int = 1) -> None:
    """Let so many requests from now on meet the fault; after those the provider is well."""
    provider.answer_next.extend([fault.of(provider)] * times)


def instead(answer: Answer) -> Change:
    return lambda honest, now: answer


def page(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Change:
    named = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    return instead(Reply(status, {"content-type": (kind,), **named}, body))


def error(status: int, code: str) -> Change:
    return page(status, json.dumps({"error": code}).encode())


def asks_to_wait(wish: str | None, status: int = 429) -> Change:
    """Answer with this `Retry-After`, if any; `+120` stands for the date in two minutes, `-120` for one that is past."""

    def change(honest: Reply, now: float) -> Answer:
        text = formatdate(now + int(wish), usegmt=True) if wish in DATES else wish
        return Reply(status, {} if text is None else {"retry-after": (text,)}, b"")

    return change


DATES = ("+120", "-120")


def member(text: str | None, name: str = "expires_in") -> Change:
    """Put this JSON in the place of a member; None takes the member out."""

    def change(honest: Reply, now: float) -> Answer:
        document = json.loads(honest.body)
        document.pop(name, None)
        body = json.dumps(document) if text is None else f'{json.dumps(document)[:-1]}, "{name}": {text}}}'
        return replace(honest, body=body.encode())

    return change


def cut_short(honest: Reply, now: float) -> Answer:
    return replace(honest, body=honest.body[: len(honest.body) // 2])


SILENCE: dict[str, Change] = {
    "timeout": instead(NoAnswer("timed_out")),
    "reset": instead(NoAnswer("connection_lost")),
}
BROKEN: dict[str, Change] = {f"{status}": page(status, b"") for status in (500, AWAY, BUSY, LATE_GATEWAY)}
UNREADABLE: dict[str, Change] = {
    "html with 200": page(200, b"<html><title>Sign in</title></html>", "text/html"),
    "empty 200": page(200, b""),
    "204": page(204, b""),
    "a list with 200": page(200, b"[]"),
}
ERRORS: dict[str, Change] = {
    "200 with an error": error(200, "server_error"),
    "200 with invalid_grant": error(200, "invalid_grant"),
    "html with 400": page(400, b"<html><title>Bad Request</title></html>", "text/html"),
    "400 temporarily_unavailable": error(400, "temporarily_unavailable"),
    "400 invalid_scope": error(400, "invalid_scope"),
    "400 with another word": error(400, "Invalid_Grant"),
    "403 with invalid_grant": error(403, "invalid_grant"),
    "404": page(404, b""),
    "302": page(302, b"", location="https://elsewhere.example/"),
}
WAITS: dict[str, str | None] = {
    "seconds": "120",
    "a date": "+120",
    "a past date": "-120",
    "garbage": "soon",
    "ten years": "315360000",
    "more digits than a number has": "9" * 400,
    "negative": "-5",
    "nothing": "0",
    "absent": None,
    "empty": "",
}
LIFETIMES: dict[str, str | None] = {
    "missing": None,
    "null": "null",
    "zero": "0",
    "negative": "-3600",
    "NaN": "NaN",
    "infinite": "1e999",
    "ten thousand years": "315360000000",
    "a text": '"3600"',
    "words": '"an hour"',
    "true": "true",
    "a list": "[3600]",
    "a fraction": "3600.7",
}

FAULTS: dict[str, Fault] = {
    **{f"{name} before": Fault("before", change) for name, change in (SILENCE | BROKEN | UNREADABLE | ERRORS).items()},
    **{f"429, {name}": Fault("before", asks_to_wait(wish)) for name, wish in WAITS.items()},
    "503 with a wish": Fault("before", asks_to_wait("60", BUSY)),
    **{f"{name} after": Fault("after", change) for name, change in (SILENCE | BROKEN | UNREADABLE).items()},
    "cut short after": Fault("after", cut_short),
    **{f"expires_in {name}": Fault("odd", member(text)) for name, text in LIFETIMES.items()},
    "no token_type": Fault("odd", member(None, "token_type")),
    "scope of another type": Fault("odd", member("7", "scope")),
}
"""Every fault by its name."""
