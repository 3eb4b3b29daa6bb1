"""What the page calls the person: as the sign-in service's ID token does, so that they recognise themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from playwright.sync_api import expect

from tests.browser.between import alter
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, open_connections, sign_in

TOKENS = re.compile(r"/token$")
KEY = "no key of anybody's, and as long as an HMAC's has to be"


def saying(**claims: Any) -> Callable[[dict[str, Any]], None]:
    """Let the ID token say this besides."""

    def change(answer: dict[str, Any]) -> None:
        said = jwt.decode(answer["id_token"], options={"verify_signature": False})
        answer["id_token"] = jwt.encode({**said, **claims}, KEY)

    return change


def header_of(profile: Profile) -> Any:
    return profile.page.get_by_role("navigation", name="Account")


@pytest.mark.parametrize(
    ("claims", "called"),
    [
        ({"email": "bob@example.com", "preferred_username": "bobby"}, "bob@example.com"),
        ({"email": "bob@example.com", "email_verified": True}, "bob@example.com"),
        ({"preferred_username": "bobby", "name": "Bob"}, "bobby"),
        ({"email": "alice@example.com", "email_verified": False}, "bob"),
        ({"name": "alice"}, "bob"),
        ({"email": "", "preferred_username": {"first": "Bob"}}, "bob"),
        ({"email": "alice@example.com", "sub": "alice"}, "bob"),
        ({}, "bob"),
    ],
)
def test_people_are_called_as_the_id_token_does_and_else_by_their_sub(
    person: PersonFactory, backstage: Backstage, claims: dict[str, Any], called: str
) -> None:
    installation = backstage.install("Bob's Files")
    bob = person("bob")
    alter(bob.context, TOKENS, saying(**claims))
    open_connections(bob.page, "acme", installation)
    sign_in(bob.page, "bob")
    expect(header_of(bob)).to_contain_text(re.compile(f"Signed in as {re.escape(called)}Use another"))
    expect(
        card(bob.page, "Bob's Files").get_by_role("button", name=f"Connect as {called}: Bob's Files")
    ).to_be_visible()


def test_what_is_no_id_token_does_not_keep_anybody_out(person: PersonFactory) -> None:
    bob = person("bob")
    alter(bob.context, TOKENS, lambda answer: answer.update(id_token="not.a.token"))
    open_connections(bob.page, "acme")
    sign_in(bob.page, "bob")
    expect(header_of(bob)).to_contain_text("Signed in as bobUse")


def test_a_name_is_text_and_never_markup(person: PersonFactory) -> None:
    bob = person("bob")
    alter(bob.context, TOKENS, saying(email="<img src=x onerror=alert(1)>"))
    open_connections(bob.page, "acme")
    sign_in(bob.page, "bob")
    expect(header_of(bob)).to_contain_text("Signed in as <img src=x onerror=alert(1)>")
