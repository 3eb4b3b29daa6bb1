"""Where everybody else is sent to an admin, an admin reads what an admin can do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.admin import (
    by_hand,
    enter_client,
    enter_endpoints,
    install_and_authorize,
    installed,
    register,
    unfold,
)
from tests.browser.between import LIST, alter
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, consent, is_shown, says, signed_in

SENT_AWAY = re.compile(r"(tell|ask) (an admin|one)", re.IGNORECASE)
CORRECTED = "look at the last error under Manage. A wrong client id or secret is corrected there."


def rejected(listed: dict[str, Any]) -> None:
    """Let the provider take Strongroom's client no more."""
    for one in listed["installations"]:
        one["connection"].update(status="expired", reason="client_rejected", next="wait")


def test_an_admin_whose_client_secret_is_wrong_reads_where_it_is_corrected(
    alice: Profile, backstage: Backstage
) -> None:
    alice.expect("status of 502")
    form = by_hand(alice.page, backstage, "Wrong Secret")
    enter_client(form, register(form, backstage), "not the secret")
    enter_endpoints(form, backstage)
    unfold(form, "Scopes").get_by_label("Scopes").fill("files:read")
    popup = install_and_authorize(alice.page)
    installed(alice.page, backstage, "Wrong Secret")

    consent(popup, "alice")

    says(alice.page, "Wrong Secret", f"If it happens again, {CORRECTED}")
    expect(card(alice.page, "Wrong Secret").get_by_text(SENT_AWAY)).to_have_count(0)
    expect(alice.page.locator("strongroom-connections").get_by_role("status")).to_contain_text(CORRECTED)


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("alice", "Look at the last error under Manage. A wrong client id or secret is corrected there."),
        ("bob", "The provider does not take Strongroom's client. Tell an admin."),
    ],
)
def test_of_a_client_that_is_not_taken_any_more_each_reads_what_there_is_to_do(
    person: PersonFactory, backstage: Backstage, account: str, words: str
) -> None:
    backstage.install("Rejected Client")
    somebody = person(account)
    alter(somebody.context, LIST, rejected)

    signed_in(somebody.page, account)

    is_shown(somebody.page, "Rejected Client", "Expired")
    says(somebody.page, "Rejected Client", words)
    expect(card(somebody.page, "Rejected Client").get_by_text(SENT_AWAY)).to_have_count(int(account == "bob"))
