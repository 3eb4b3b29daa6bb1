"""What an admin enters of a provider and may not be used is told at the field that is meant."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.admin import (
    by_hand,
    enter_client,
    enter_endpoints,
    enter_parameter,
    install,
    refused_at,
    register,
    unfold,
)
from tests.browser.between import Asked
from tests.browser.profile import Profile
from tests.browser.stage import Backstage

METHOD = "How the client authenticates"


def test_what_is_unfinished_is_told_at_its_field_and_not_sent(alice: Profile, backstage: Backstage) -> None:
    form = by_hand(alice.page, backstage, "Unfinished Files")
    issuer, method, secret = (form.get_by_label(label) for label in ("Issuer", METHOD, "Client secret"))
    requests = Asked(alice.context)

    def is_told(control: Locator, words: str) -> None:
        install(alice.page)
        refused_at(control, words)

    enter_client(form, {"client_id": "somebody", "client_secret": "something"})
    method.select_option("none")
    is_told(method, "A client without authentication has no secret.")
    method.select_option("client_secret_post")
    secret.fill("")
    is_told(secret, "This method of authentication needs the client secret.")
    secret.fill("something")
    issuer.fill("")
    is_told(issuer, "Say whose client it is: enter the issuer, or the endpoints.")
    ends = unfold(form, "Endpoints by hand")
    ends.get_by_label("Token endpoint").fill(f"{backstage.places.provider}/token")
    is_told(
        ends.get_by_label("Authorization endpoint"), "Authorization and token endpoint belong together: enter both."
    )
    assert requests.changes() == []


def test_a_parameter_that_is_oauths_own_is_told_at_its_row(alice: Profile, backstage: Backstage) -> None:
    alice.expect("status of 400")
    form = by_hand(alice.page, backstage, "Refused Files")
    enter_client(form, {"client_id": "somebody", "client_secret": "something"})
    enter_parameter(form, "redirect_uri", "https://files.example.com/")

    install(alice.page)

    refused_at(form.get_by_label("Name of parameter 1"), "OAuth itself uses a parameter of this name")


def test_endpoints_that_nobody_vouches_for_are_told_at_their_field(alice: Profile, backstage: Backstage) -> None:
    alice.expect("status of 422")
    form = by_hand(alice.page, backstage, "Refused Files")
    enter_client(form, {"client_id": "somebody", "client_secret": "something"})
    ends = enter_endpoints(form, backstage)
    ends.get_by_label("Token endpoint").fill("https://files.example.com/token")
    ends.get_by_label("The provider names itself in each answer").uncheck()
    unfold(form, "Endpoints by hand").locator("> summary").click()

    install(alice.page)

    refused_at(ends.get_by_label("Token endpoint"), "An endpoint lies off the issuer's origin")


def test_a_callback_url_that_was_used_is_told_and_another_one_is_made(alice: Profile, backstage: Backstage) -> None:
    alice.expect("status of 409")
    with alice.page.expect_response("**/probe") as probed:
        form = by_hand(alice.page, backstage, "Second Files")
    client = register(form, backstage)
    enter_client(form, client)
    used = form.get_by_label("Callback URL", exact=True).input_value()
    entered = {"draft": probed.value.json()["draft"], "issuer": backstage.places.provider, "client": client}
    backstage.install("First Files", provider=entered)

    install(alice.page)

    make = form.get_by_role("button", name="Make a callback URL")
    refused_at(make, "A client was entered under this callback URL already.")
    make.click()
    expect(form.get_by_label("Callback URL", exact=True)).not_to_have_value(used)
