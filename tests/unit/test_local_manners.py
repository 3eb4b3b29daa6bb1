"""How the local provider's pages behave towards browsers, and its levers for that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from local.services.provider import Provider
from local.services.provider_ledger import Lifetimes
from local.services.provider_manners import ISOLATION, Manners
from local.services.provider_rules import Rules


@pytest.fixture
def control() -> TestClient:
    provider = Provider(Rules("https://provider.example"), Lifetimes(), "a secret")
    return TestClient(provider.app(), base_url="http://127.0.0.1:8403", client=("127.0.0.1", 50_000))


def pull(control: TestClient, lever: str, **order: Any) -> Any:
    return control.post(f"/control/{lever}", json=order)


def isolation(control: TestClient) -> list[str | None]:
    """What a browser reads at each page, each of them a dead end here, and at a document that is none."""
    pages = (control.get("/authorize"), control.post("/sign-in"), control.post("/consent"), control.get("/style.css"))
    return [page.headers.get(ISOLATION) for page in pages]


def test_pages_that_are_isolated_say_so_until_they_no_longer_are(control: TestClient) -> None:
    before = isolation(control)
    assert pull(control, "isolate", on=True).json() == {"isolated": True}
    during = isolation(control)
    assert pull(control, "isolate", on=False).json() == {"isolated": False}

    assert (before, during) == ([None] * 4, [*["same-origin"] * 3, None])
    assert isolation(control) == before


@pytest.mark.parametrize(("seconds", "rests"), [(0, []), (7, [7])])
def test_a_slow_page_rests_before_it_does_anything(seconds: int, rests: list[float]) -> None:
    done: list[object] = []

    async def rest(asked: float) -> None:
        done.append(asked)

    async def page(_request: Request) -> Response:
        done.append("the page")
        return PlainTextResponse("")

    manners = Manners(rest=rest)
    manners.slow(seconds)
    asyncio.run(drawn(manners, page))

    assert done == [*rests, "the page"]


async def drawn(manners: Manners, page: Any) -> Response:
    return await manners.around(page)(Request({"type": "http"}))


@pytest.mark.parametrize(
    ("lever", "order"),
    [
        ("isolate", {}),
        ("isolate", {"on": 1}),
        ("slow", {}),
        ("slow", {"seconds": -1}),
        ("slow", {"seconds": 61}),
        ("slow", {"seconds": True}),
        ("slow", {"seconds": "5"}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(control: TestClient, lever: str, order: dict[str, Any]) -> None:
    assert pull(control, lever, **order).status_code == 400


def test_the_lever_says_how_slow_the_pages_are_now(control: TestClient) -> None:
    assert pull(control, "slow", seconds=3).json() == {"seconds": 3}
    assert pull(control, "slow", seconds=0).json() == {"seconds": 0}
