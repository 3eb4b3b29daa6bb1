"""A malicious provider beside an honest one: the honest one's code must never reach the malicious token endpoint.

Alice is in a team that has installed both. The attacker runs everything at `evil.example` and may send a browser on.
"""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import authorization, authorization_response, server_metadata
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    account_behind,
    changed,
    exchanges,
    given_to_the_browser,
    parameters,
    records,
    rows,
)
from tests.unit.attacks.scenes import (
    authorization as row_of,
)
from tests.weakened import weakened
from tests.world import Begun, Consented, World

HONEST = "https://provider.example"
EVIL = "https://evil.example"
NO_ISS = {"authorization_response_iss_parameter_supported": False}
NO_PATH_CHECK = ("received.path_key != received.pending.provider_key", "False")
NO_ISS_CHECK = ("iss is not None and iss != pending.issuer", "False")
NO_ISS_NEEDED = ("pending.iss_supported or pending.iss_required", "False")


class TwoProviders(World):
    """An honest provider that alice uses, and a malicious one that alice is about to try."""

    def __init__(self, evil: dict[str, Any] | None = None, honest: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.provider.metadata |= honest or {}
        self.evil = FakeProvider(self.clock, issuer=EVIL, metadata=dict(evil or {}))
        self.evil.serve(self.egress)
        serve_mcp(self.egress, f"{EVIL}/mcp", EVIL)
        self.files = self.install(name="Files")
        self.trap = self.install(name="Trap", url=f"{EVIL}/mcp")

    def honest_code(self, url: str, **rewritten: str | None) -> str:
        """The attacker sends the browser on to the honest provider, where alice consents: where does the code go?"""
        return self.provider.consent(changed(url, **rewritten), "alice")

    def stolen(self) -> list[str]:
        return [code for url, code in exchanges(self) if url.startswith(EVIL)]


def finish(world: TwoProviders, url: str) -> None:
    """Alice's browser opens the callback and, if it gets a secret, her web client completes."""
    answer = world.browse(url)
    if answer.status == 303:
        world.complete("alice", given_to_the_browser(answer))


def as_an_honest_client(world: TwoProviders, begun: Begun) -> str:
    """The whole request of the evil flow, with our own client and path at the honest provider."""
    ours = parameters(world.begin("alice", world.files).url)
    return world.honest_code(begun.url, client_id=ours["client_id"], redirect_uri=ours["redirect_uri"])


def nothing_came_of_it(world: TwoProviders, begun: Begun, url: str, why: str) -> None:
    assert world.browse(url).status == 400
    row = row_of(world, begun.id)
    assert (row["state"], row["error"]) == ("failed", why)
    assert [told["why"] for told in records(world, "answer_refused")] == [why]
    assert exchanges(world) == []


# A10: a code of the honest provider in an authorization of the evil one


@requirement("attack:A10")
def test_a_mixed_up_code_is_refused_by_its_path_alone() -> None:
    world = TwoProviders(evil=NO_ISS, honest=NO_ISS)
    begun = world.begin("alice", world.trap)
    nothing_came_of_it(world, begun, changed(as_an_honest_client(world, begun), iss=None), "wrong_callback")


@requirement("attack:A10")
def test_a_mixed_up_code_is_refused_by_its_path_alone_even_if_the_attacker_can_name_himself() -> None:
    world = TwoProviders()
    begun = world.begin("alice", world.trap)
    nothing_came_of_it(world, begun, changed(as_an_honest_client(world, begun), iss=EVIL), "wrong_callback")


@requirement("attack:A10")
@pytest.mark.parametrize("evil", [NO_ISS, {}], ids=["evil says nothing of iss", "evil announces iss"])
def test_a_mixed_up_code_is_refused_by_its_issuer_alone(evil: dict[str, Any]) -> None:
    world = TwoProviders(evil=evil)
    begun = world.begin("alice", world.trap)
    nothing_came_of_it(world, begun, world.honest_code(begun.url), "issuer_mismatch")


@requirement("attack:A10")
def test_control_without_the_check_of_the_path_the_code_goes_to_the_attacker() -> None:
    world = TwoProviders(evil=NO_ISS, honest=NO_ISS)
    begun = world.begin("alice", world.trap)
    with weakened(authorization_response._path_is_the_providers, *NO_PATH_CHECK):
        finish(world, changed(as_an_honest_client(world, begun), iss=None))
    assert len(world.stolen()) == 1


@requirement("attack:A10")
def test_control_without_the_check_of_the_issuer_the_code_goes_to_the_attacker() -> None:
    world = TwoProviders()
    begun = world.begin("alice", world.trap)
    with weakened(authorization_response._issuer_answers, *NO_ISS_CHECK):
        finish(world, world.honest_code(begun.url))
    assert len(world.stolen()) == 1


@requirement("attack:A10")
def test_no_two_providers_and_no_two_teams_share_a_path_or_a_client() -> None:
    world = TwoProviders()
    theirs = world.install("mallory", "rivals")
    urls = [world.begin("alice", world.files).url, world.begin("alice", world.trap).url]
    urls.append(world.begin("mallory", theirs, "rivals").url)
    asked = [parameters(url) for url in urls]
    assert len({one["redirect_uri"] for one in asked}) == 3
    assert len({one["client_id"] for one in asked}) == 3


# A29: metadata that names another's authorization endpoint

NAMES_THE_HONEST_ONE = {"authorization_endpoint": f"{HONEST}/authorize"}


@requirement("attack:A29")
@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
def test_an_endpoint_off_the_issuers_origin_is_refused_before_anybody_is_sent_anywhere(endpoint: str) -> None:
    world = TwoProviders(evil={**NO_ISS, endpoint: f"{HONEST}/authorize"})
    path = f"/v1/teams/acme/installations/{world.trap}/authorize"
    refused = world.as_user("alice", "POST", path, {})
    assert (refused.status, refused.json["error"]) == (422, "endpoint_off_issuer")
    assert rows(world, "authorization") == rows(world, "provider_client") == []
    assert not any(request.url.startswith(HONEST) for request in world.egress.sent)


@requirement("attack:A29")
@pytest.mark.parametrize("iss", [None, HONEST, f"{EVIL}/"])
def test_if_iss_is_announced_only_a_matching_one_lets_the_code_through(iss: str | None) -> None:
    world = TwoProviders(evil=NAMES_THE_HONEST_ONE)
    begun = world.begin("alice", world.trap)
    assert begun.url.startswith(f"{HONEST}/authorize?")
    url = changed(world.honest_code(begun.url), iss=iss)
    nothing_came_of_it(world, begun, url, "issuer_missing" if iss is None else "issuer_mismatch")


@requirement("attack:A29")
def test_a_promise_of_iss_that_is_taken_back_later_does_not_help_the_attacker() -> None:
    world = TwoProviders(evil=NAMES_THE_HONEST_ONE)
    begun = world.begin("alice", world.trap)
    world.evil.metadata |= NO_ISS
    nothing_came_of_it(world, begun, changed(world.honest_code(begun.url), iss=None), "issuer_missing")


@requirement("attack:A29")
def test_control_without_the_rule_of_one_origin_the_code_goes_to_the_attacker() -> None:
    world = TwoProviders(evil={**NO_ISS, **NAMES_THE_HONEST_ONE})
    off_issuer = "any(url is not None and url.origin not in trusted for url in found.values())"
    with weakened(server_metadata.read_provider, off_issuer, "False"):
        begun = world.begin("alice", world.trap)
    finish(world, changed(world.honest_code(begun.url), iss=None))
    assert len(world.stolen()) == 1


@requirement("attack:A29")
def test_control_without_the_need_of_iss_the_code_goes_to_the_attacker() -> None:
    world = TwoProviders(evil=NAMES_THE_HONEST_ONE)
    begun = world.begin("alice", world.trap)
    with weakened(authorization_response._issuer_answers, *NO_ISS_NEEDED):
        finish(world, changed(world.honest_code(begun.url), iss=None))
    assert len(world.stolen()) == 1


# A14: an authorization for one installation, finished for another


def two_returned() -> tuple[World, str, str, Consented, Consented]:
    """Bob consents, in one browser, at two installations."""
    world = World()
    files, other = world.install(name="Files"), world.install(name="Other")
    first = world.consent(world.begin("bob", files), "bob")
    second = world.consent(world.begin("bob", other), "bob")
    return world, files, other, first, second


@requirement("attack:A14")
def test_an_authorization_connects_the_installation_that_it_was_begun_for_and_no_other() -> None:
    world, files, other, first, _ = two_returned()
    done = world.complete("bob", first)
    assert done.json["installation"] == files
    assert account_behind(world, "bob", files) == "bob"
    assert account_behind(world, "bob", other) is None


@requirement("attack:A14")
@pytest.mark.parametrize("field", ["installation", "team", "user", "sharing", "issuer", "redirect_uri", "code"])
def test_completing_takes_nothing_that_could_name_another_installation(field: str) -> None:
    world, _, other, first, _ = two_returned()
    before = world.table.snapshot()
    path = f"/v1/authorizations/{first.id}/complete"
    swapped = world.as_user("bob", "POST", path, {"secret": first.secret, field: other})
    assert (swapped.status, swapped.json["error"]) == (400, "unknown_field")
    assert world.table.snapshot() == before


@requirement("attack:A14")
def test_the_message_of_one_popup_does_not_finish_what_another_began() -> None:
    world, files, other, first, second = two_returned()
    assert world.complete("bob", Consented(first.id, second.secret)).status == 400
    assert account_behind(world, "bob", files) is None
    assert account_behind(world, "bob", other) is None


@requirement("attack:A14")
@pytest.mark.parametrize("parts", [("code",), ("code", "verifier"), ("code", "verifier", "redirect_uri", "issuer")])
def test_a_sealed_code_that_is_moved_to_another_authorization_does_not_open(parts: tuple[str, ...]) -> None:
    world, _, other, first, second = two_returned()
    moved = {part: row_of(world, first.id)[part] for part in parts}
    world.table.place({**row_of(world, second.id), **moved})
    assert world.complete("bob", second).json["error"] == "integrity_error"
    assert exchanges(world) == []
    assert account_behind(world, "bob", other) is None


@requirement("attack:A14")
def test_control_without_the_secret_of_its_own_the_swapped_message_connects() -> None:
    world, files, _, first, second = two_returned()
    with weakened(authorization._judge_returned, "if right_user and right_secret:", "if right_user:"):
        assert world.complete("bob", Consented(first.id, second.secret)).status == 200
    assert account_behind(world, "bob", files) == "bob"


@requirement("attack:A14")
def test_control_without_the_key_in_the_seal_a_moved_code_connects_the_other_installation() -> None:
    loose = 'keys.authorization("any"), field, context[:2]'
    with weakened(authorization.Authorization.place, "self.key, field, context", loose):
        world, _, other, first, second = two_returned()
        moved = {part: row_of(world, first.id)[part] for part in ("code", "verifier")}
        world.table.place({**row_of(world, second.id), **moved})
        assert world.complete("bob", second).status == 200
    assert account_behind(world, "bob", other) == "bob"
