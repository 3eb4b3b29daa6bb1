"""The ledger of a storm: whose each refresh token is, which came twice, and how long tokens were left alone."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from local.peers.wire import Exchange
from local.services.exchange import fingerprint
from local.storm_ledger import NOBODY, Book, books

CODES = {fingerprint("code-of-alice"): "alice-1", fingerprint("code-of-bob"): "bob-1"}


def exchange(at: float, given: dict[str, Any], **form: str) -> Exchange:
    status = 400 if "error" in given else 200
    return Exchange("/token", {}, urlencode(form).encode(), status, json.dumps(given).encode(), at, at + 0.1)


def redeemed(at: float, code: str, refresh: str) -> Exchange:
    return exchange(at, {"refresh_token": refresh}, grant_type="authorization_code", code=code)


def renewed(at: float, refresh: str, following: str) -> Exchange:
    return exchange(at, {"refresh_token": following}, grant_type="refresh_token", refresh_token=refresh)


def refused(at: float, refresh: str) -> Exchange:
    return exchange(at, {"error": "invalid_grant"}, grant_type="refresh_token", refresh_token=refresh)


def kept(*exchanges: Exchange) -> dict[str, Book]:
    return books(exchanges, CODES)


def test_each_refresh_token_belongs_to_whom_the_code_was_and_so_does_all_that_follows() -> None:
    found = kept(
        redeemed(1, "code-of-alice", "a1"),
        redeemed(2, "code-of-bob", "b1"),
        renewed(20, "b1", "b2"),
        renewed(21, "a1", "a2"),
        renewed(40, "a2", "a3"),
    )

    assert {user: book.refreshes for user, book in found.items()} == {"alice-1": 2, "bob-1": 1}
    assert (found["alice-1"].newest, found["bob-1"].newest) == ("a3", "b2")


def test_tokens_are_kept_as_hashes_alone() -> None:
    book = kept(redeemed(1, "code-of-alice", "a1"), renewed(20, "a1", "a2"))["alice-1"]

    assert [one.token for one in book.sightings] == [fingerprint("a1")]
    assert "a1" not in repr(book)
    assert "a2" not in repr(book)


def test_what_was_given_to_nobody_is_nobodys() -> None:
    assert len(kept(refused(5, "guessed"))[NOBODY].sightings) == 1


def test_a_token_that_comes_again_is_found_with_its_sighting_before() -> None:
    book = kept(redeemed(1, "code-of-alice", "a1"), renewed(20, "a1", "a2"), refused(50, "a1"), refused(90, "a1"))[
        "alice-1"
    ]

    assert [(first.came_at, again.came_at) for first, again in book.repeated()] == [(20, 50), (50, 90)]
    assert book.refreshes == 1


def test_a_chain_in_which_every_token_comes_once_repeats_nothing() -> None:
    book = kept(redeemed(1, "code-of-alice", "a1"), renewed(20, "a1", "a2"), renewed(40, "a2", "a3"))["alice-1"]

    assert book.repeated() == []


def test_the_shortest_life_counts_from_the_answer_to_the_next_request_that_was_granted() -> None:
    book = kept(
        redeemed(1, "code-of-alice", "a1"), renewed(20, "a1", "a2"), refused(21, "a1"), renewed(30.1, "a2", "a3")
    )["alice-1"]

    assert round(book.shortest_life(), 3) == 10.0


def test_tokens_that_were_never_renewed_have_lived_for_ever() -> None:
    assert kept(redeemed(1, "code-of-alice", "a1"))["alice-1"].shortest_life() == float("inf")
