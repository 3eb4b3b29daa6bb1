"""Who answers at the callback: the provider that was chosen, and nobody who says another name or none."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from strongroom.domain import authorization_response
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    authorization,
    bob_begins,
    changed,
    exchanges,
    generic_page,
    parameters,
    records,
    state_of,
    with_query,
)
from tests.weakened import weakened

ISSUER = "https://provider.example"
SILENT_ABOUT_ISS = {"authorization_response_iss_parameter_supported": False}


# A11, A12: who answers

WRONG_ISSUERS = [
    "https://evil.example",
    f"{ISSUER}/",
    f"{ISSUER}:443",
    "https://PROVIDER.example",
    "HTTPS://provider.example",
    "https://provider%2Eexample",
    "https%3A%2F%2Fprovider.example",
    "https://provider.example.",
    f"{ISSUER}#",
    f" {ISSUER}",
    "null",
]


@requirement("attack:A11")
@pytest.mark.parametrize("iss", WRONG_ISSUERS)
@pytest.mark.parametrize("metadata", [{}, SILENT_ABOUT_ISS], ids=["announced", "not announced"])
def test_an_answer_that_names_another_issuer_is_refused(iss: str, metadata: dict[str, Any]) -> None:
    world, begun, url = bob_begins(**metadata)
    refused = world.browse(changed(url, iss=iss))
    assert (refused.status, refused.text) == (400, generic_page(world).text)
    assert authorization(world, begun.id)["error"] == "issuer_mismatch"
    assert [told["why"] for told in records(world, "answer_refused")] == ["issuer_mismatch"]
    assert exchanges(world) == []


@requirement("attack:A11")
def test_an_answer_without_an_issuer_is_refused_if_the_provider_announces_it() -> None:
    world, begun, url = bob_begins()
    assert world.browse(changed(url, iss=None)).status == 400
    assert authorization(world, begun.id)["error"] == "issuer_missing"


@requirement("attack:A11")
def test_without_an_announcement_the_providers_own_path_is_enough() -> None:
    world, _, url = bob_begins(**SILENT_ABOUT_ISS)
    assert world.browse(changed(url, iss=None)).status == 303

    world, begun, url = bob_begins(**SILENT_ABOUT_ISS)
    key = parameters(begun.url)["redirect_uri"].rpartition("/")[2]
    elsewhere = url.replace(key, key[::-1])
    assert world.browse(changed(elsewhere, iss=None)).status == 400
    assert authorization(world, begun.id)["error"] == "wrong_callback"


@requirement("attack:A11")
def test_how_a_good_issuer_is_encoded_in_the_query_does_not_matter() -> None:
    world, _, url = bob_begins()
    real = parameters(url)
    rest = urlencode({"state": real["state"], "code": real["code"]})
    assert world.browse(with_query(url, f"{rest}&iss=https:%2f%2F%70rovider.example")).status == 303


@requirement("attack:A11")
def test_control_without_the_check_of_the_issuer_both_answers_count() -> None:
    differs, missing = "iss is not None and iss != pending.issuer", "pending.iss_supported or pending.iss_required"
    for defence, iss in ((differs, "https://evil.example"), (missing, None)):
        world, begun, url = bob_begins()
        with weakened(authorization_response._issuer_answers, defence, "False"):
            assert world.browse(changed(url, iss=iss)).status == 303
        assert state_of(world, begun.id) == "returned"


SCRIPT = "<script>alert(1)</script>"


@requirement("attack:A12")
@pytest.mark.parametrize("iss", ["https://evil.example", None])
@pytest.mark.parametrize("error", ["access_denied", "server_error", SCRIPT])
def test_an_error_from_another_issuer_is_neither_acted_on_nor_shown(error: str, iss: str | None) -> None:
    world, begun, url = bob_begins()
    refused = world.browse(changed(url, code=None, iss=iss, error=error, error_description=SCRIPT, error_uri=SCRIPT))
    assert (refused.status, refused.text) == (400, generic_page(world).text)
    assert world.status("bob", begun.installation)["reason"] == "never_connected"
    assert "script" not in str([world.table.snapshot(), world.journal.entries])


@requirement("attack:A12")
@pytest.mark.parametrize(("error", "outcome"), [("access_denied", "denied"), (SCRIPT, "failed")])
def test_of_an_error_from_the_right_issuer_no_word_goes_on(error: str, outcome: str) -> None:
    world, begun, url = bob_begins()
    ended = world.browse(changed(url, code=None, error=error, error_description=SCRIPT, error_uri=SCRIPT))
    page = f"https://web.example/connections#authorization={begun.id}&outcome={outcome}"
    assert (ended.status, ended.text, ended.headers["location"]) == (303, "", page)
    assert "script" not in str([world.table.snapshot(), world.journal.entries])


@requirement("attack:A12")
def test_control_without_the_check_of_the_issuer_anybody_can_deny() -> None:
    world, begun, url = bob_begins()
    with weakened(authorization_response._issuer_answers, "iss is not None and iss != pending.issuer", "False"):
        world.browse(changed(url, code=None, iss="https://evil.example", error="access_denied"))
    assert world.status("bob", begun.installation)["reason"] == "denied"
