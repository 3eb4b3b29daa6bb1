"""A client metadata document can be read by every server: what a malicious provider makes of that.

Its page sends the browser on to an honest provider, with all parameters as they are. The honest one reads our document for
the malicious one, asks alice, and sends a code to that document's callback. The attacker wants to redeem it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from strongroom.aws.settings import Settings
from strongroom.domain import authorization_response, client_authentication, provider
from strongroom.domain.errors import SettingsError
from strongroom.domain.http import Outgoing, Reply
from strongroom.domain.secret import Secret
from strongroom.flows import register
from tests.fakes.egress import replying
from tests.fakes.provider import READS_DOCUMENTS, FakeProvider, SendsNobodyThere, serve_mcp
from tests.requirements import requirement
from tests.settings import SETTINGS
from tests.template import ROOT
from tests.unit.attacks.scenes import exchanges, form_of, given_to_the_browser, parameters
from tests.unit.attacks.test_mix_up import EVIL, HONEST, NO_ISS_NEEDED, TwoProviders, finish, nothing_came_of_it
from tests.unit.attacks.test_settings_attacks import LOOPBACK
from tests.unit.clients import (
    NO_ISS,
    NO_SIGNATURES,
    ReadingWorld,
    assertions,
    client_rows,
    document,
    reads,
    said,
    sent_with,
)
from tests.weakened import weakened
from tests.world import MCP_URL, Begun, World

SIGNING, UNSIGNED = READS_DOCUMENTS, READS_DOCUMENTS | NO_SIGNATURES


class Readers(TwoProviders):
    """Both providers know clients by their documents. The malicious one says what helps it, the honest one no `iss`."""

    def __init__(self, evil: dict[str, Any], honest: dict[str, Any] = NO_ISS) -> None:
        super().__init__(evil=evil, honest=SIGNING | honest)

    def begin(self, user: str, installation: str, team: str = "acme", **body: Any) -> Begun:
        begun = super().begin(user, installation, team, **body)
        reads(self, begun, self.evil)
        return begun

    def says_now(self, **metadata: Any) -> None:
        """The malicious provider changes its mind."""
        self.evil.metadata.clear()
        self.evil.metadata.update(metadata)

    def sent_on(self, begun: Begun) -> str:
        """Alice's browser is sent on, the honest provider reads what it has not read yet, and alice consents there."""
        reads(self, begun, *([] if parameters(begun.url)["client_id"] in self.provider.documents else [self.provider]))
        return self.provider.consent(begun.url, "alice")

    def caught(self) -> Outgoing:
        """The request that brought the malicious provider a code."""
        [request] = [sent for sent in self.egress.sent if sent.url.startswith(EVIL) and "code" in form_of(sent)]
        return request

    def redeems(self, **added: str) -> bool:
        """Whether the attacker gets alice's tokens: with our own request, or with all that was in it."""
        request = self.caught()
        form = {name: text for name, text in form_of(request).items() if not name.startswith("client_")} | added
        tries = (request, replace(request, body=Secret(urlencode(form)), headers={}))
        answers = [self.provider.honest(replace(one, url=f"{HONEST}/token")) for one in tries]
        return any(isinstance(answer, Reply) and answer.status == 200 for answer in answers)


# Without signatures, the provider has to name itself


@requirement("attack:A10")
@requirement("attack:A29")
@pytest.mark.parametrize(("honest", "why"), [(NO_ISS, "issuer_missing"), ({}, "issuer_mismatch")])
def test_a_code_for_a_document_without_a_key_goes_nowhere_unless_the_issuer_is_proven(
    honest: dict[str, Any], why: str
) -> None:
    world = Readers(UNSIGNED, honest)
    begun = world.begin("alice", world.trap)
    assert client_rows(world)[0]["auth_method"] == "none"
    nothing_came_of_it(world, begun, world.sent_on(begun), why)


@requirement("attack:A10")
def test_a_promise_of_iss_that_is_taken_back_leaves_the_document_in_need_of_it() -> None:
    world = Readers(UNSIGNED)
    begun = world.begin("alice", world.trap)
    world.says_now(**UNSIGNED, **NO_ISS)
    nothing_came_of_it(world, begun, world.sent_on(begun), "issuer_missing")


@requirement("attack:A10")
def test_who_neither_takes_signatures_nor_names_itself_is_no_reader_of_ours() -> None:
    world = Readers(UNSIGNED | NO_ISS)
    begun = world.begin("alice", world.trap)
    assert parameters(begun.url)["client_id"] in world.evil.clients
    assert client_rows(world)[0]["source"] == "registered"


@requirement("attack:A10")
def test_control_without_the_need_of_iss_the_attacker_redeems_the_code() -> None:
    world = Readers(UNSIGNED)
    begun = world.begin("alice", world.trap)
    with weakened(authorization_response._issuer_answers, *NO_ISS_NEEDED):
        finish(world, world.sent_on(begun))
    assert world.redeems(client_id=parameters(begun.url)["client_id"])


# With signatures, the code is of no use


@requirement("attack:A10")
@requirement("invariant:I12")
def test_a_code_that_reaches_the_attacker_cannot_be_redeemed_without_our_key() -> None:
    world = Readers(SIGNING | NO_ISS)
    begun = world.begin("alice", world.trap)
    finish(world, world.sent_on(begun))
    assert [said(one)["aud"] for one in assertions(world)] == [EVIL]
    assert not world.redeems(client_id=parameters(begun.url)["client_id"])
    assert [grant for grant in world.provider.grants if grant.account == "alice"] == []


@requirement("attack:A10")
def test_an_assertion_for_one_provider_proves_nothing_at_another_even_for_the_same_client() -> None:
    """The honest provider knows the key and the client: what it refuses is the audience alone."""
    world = Readers(SIGNING | NO_ISS)
    begun = world.begin("alice", world.trap)
    finish(world, world.sent_on(begun))
    request = world.caught()
    assert world.provider.authenticated(request) is None
    world.provider.issuer = EVIL
    assert world.provider.authenticated(request) == parameters(begun.url)["client_id"]
    assert world.provider.authenticated(request) is None, "and it is good once"


@requirement("attack:A10")
def test_control_with_another_audience_the_attacker_redeems_the_code() -> None:
    world = Readers(SIGNING | NO_ISS)
    begun = world.begin("alice", world.trap)
    with weakened(client_authentication.assertion_to_sign, '"aud": issuer', f'"aud": "{HONEST}"'):
        finish(world, world.sent_on(begun))
    assert world.redeems(client_id=parameters(begun.url)["client_id"])


# The malicious provider changes its mind, so that there are two clients of ours: alice is on her way with one of them, and
# the attacker has a code made for the other: a document without a key, which the honest provider has read

REGISTERS = {**NO_SIGNATURES, **NO_ISS}
WITH_A_KEY = {**SIGNING, **NO_ISS}


def first_unsigned_then(then: dict[str, Any]) -> tuple[Readers, Begun, dict[str, Any]]:
    world = Readers(UNSIGNED)
    unsigned = document_of(world, world.begin("carol", world.trap))
    world.says_now(**then)
    return world, world.begin("alice", world.trap), unsigned


def unsigned_after(first: dict[str, Any]) -> tuple[Readers, Begun, dict[str, Any]]:
    world = Readers(first)
    begun = world.begin("alice", world.trap)
    challenge = 'Bearer scope="files and-more"'
    world.egress.on("POST", f"{EVIL}/mcp", replying(401, www_authenticate=challenge))
    world.says_now(**UNSIGNED)
    return world, begun, document_of(world, world.begin("carol", world.trap))


def document_of(world: Readers, begun: Begun) -> dict[str, Any]:
    return document(world, parameters(begun.url)["client_id"])


TURNS: dict[str, Callable[[], tuple[Readers, Begun, dict[str, Any]]]] = {
    "a document, then a registration": lambda: first_unsigned_then(REGISTERS),
    "a document without a key, then one with": lambda: first_unsigned_then(WITH_A_KEY),
    "a registration, then a document": lambda: unsigned_after(REGISTERS),
    "a document with a key, then one without": lambda: unsigned_after(WITH_A_KEY),
}
every_turn = pytest.mark.parametrize("turn", TURNS)
ONE_KEY_FOR_ALL = (provider.document_key, '"document-key-1", team, issuer, method', '"provider-key-1", team, issuer')
ANEW_FOR_EACH = (register._present, 'if row["state"] == "live"', "if False")


def code_for(world: Readers, begun: Begun, unsigned: dict[str, Any], **rewritten: str) -> str:
    """The attacker's page sends alice on to the honest provider, in the name of the document without a key."""
    world.provider.documents[unsigned["client_id"]] = unsigned
    return world.honest_code(begun.url, client_id=unsigned["client_id"], **rewritten)


@requirement("attack:A10")
@every_turn
def test_the_honest_provider_sends_no_code_for_one_client_to_the_callback_of_another(turn: str) -> None:
    world, begun, unsigned = TURNS[turn]()
    assert unsigned["token_endpoint_auth_method"] == "none"
    with pytest.raises(SendsNobodyThere):
        code_for(world, begun, unsigned)


@requirement("attack:A10")
@every_turn
def test_a_code_for_one_client_fits_no_authorization_of_another(turn: str) -> None:
    world, begun, unsigned = TURNS[turn]()
    code = code_for(world, begun, unsigned, redirect_uri=unsigned["redirect_uris"][0])
    nothing_came_of_it(world, begun, code, "wrong_callback")


@requirement("attack:A10")
@every_turn
def test_control_with_one_key_for_all_clients_the_attacker_redeems_the_code(turn: str) -> None:
    with weakened(*ONE_KEY_FOR_ALL), weakened(*ANEW_FOR_EACH):
        world, begun, unsigned = TURNS[turn]()
        finish(world, code_for(world, begun, unsigned))
    assert world.redeems(client_id=unsigned["client_id"])


# The exception of the conformance run

SUITE = "https://conformance-test.local/client-metadata.json"


def test_in_the_conformance_run_a_document_needs_neither() -> None:
    world = World(conformance_client=SUITE)
    world.provider.metadata |= UNSIGNED | NO_ISS
    begun = world.begin("bob", world.install())
    assert parameters(begun.url)["client_id"] == SUITE
    assert world.browse(world.provider.consent(begun.url, "bob")).status == 303


def test_control_outside_of_it_the_same_provider_is_registered_at() -> None:
    world = World()
    world.provider.metadata |= UNSIGNED | NO_ISS
    begun = world.begin("bob", world.install())
    assert parameters(begun.url)["client_id"] in world.provider.clients
    assert exchanges(world) == []


EXCEPTION = {"STRONGROOM_CONFORMANCE_CLIENT": SUITE}


def test_the_exception_starts_with_the_development_switch_alone() -> None:
    assert Settings({**SETTINGS, **LOOPBACK, **EXCEPTION}).policy().conformance_client == SUITE
    assert Settings({**SETTINGS, **LOOPBACK}).policy().conformance_client is None
    with pytest.raises(SettingsError, match="STRONGROOM_CONFORMANCE_CLIENT goes with STRONGROOM_DEVELOPMENT=loopback"):
        Settings({**SETTINGS, **EXCEPTION}).policy()
    with pytest.raises(SettingsError, match="STRONGROOM_DEVELOPMENT goes with"):
        Settings({**SETTINGS, **EXCEPTION, "STRONGROOM_DEVELOPMENT": "loopback"}).policy()


def test_the_template_does_not_have_it() -> None:
    assert "CONFORMANCE" not in (ROOT / "template.yaml").read_text().upper()


@pytest.mark.parametrize("value", ["client.json", "http://elsewhere.example/c.json", f"{SUITE}?x=1", f"{SUITE}#x"])
def test_the_exception_is_a_url(value: str) -> None:
    with pytest.raises(SettingsError, match="STRONGROOM_CONFORMANCE_CLIENT is "):
        Settings({**SETTINGS, **LOOPBACK, "STRONGROOM_CONFORMANCE_CLIENT": value}).policy()


# A server that moves from one provider that reads documents to another


@requirement("mcp:R3")
@requirement("mcp:D4")
@requirement("attack:B2")
def test_at_another_provider_we_are_another_client_with_another_key() -> None:
    world = ReadingWorld()
    installation = world.install()
    world.connect("bob", installation)
    evil = FakeProvider(world.clock, issuer=EVIL, metadata=READS_DOCUMENTS)
    evil.serve(world.egress)
    serve_mcp(world.egress, MCP_URL, EVIL)
    begun = World.begin(world, "bob", installation)
    reads(world, begun, evil)
    world.complete("bob", given_to_the_browser(world.browse(evil.consent(begun.url, "bob"))))
    world.tick()
    world.clock.advance(3570)
    assert world.look_up("bob", installation).status == 200
    old, new = client_rows(world)
    assert {old["issuer"], new["issuer"]} == {HONEST, EVIL}
    for name in ("client_id", "redirect_uri", "public_key", "provider_key"):
        assert old[name] != new[name]
    sent = [(said(one)["aud"], sent_with(world, one).url) for one in assertions(world)]
    assert all(url.startswith(f"{audience}/") for audience, url in sent)
    assert {audience for audience, _ in sent} == {HONEST, EVIL}


@requirement("mcp:D4")
@requirement("attack:B2")
def test_until_somebody_reconnects_the_old_provider_alone_is_signed_for() -> None:
    world = ReadingWorld()
    installation = world.install()
    world.connect("bob", installation)
    serve_mcp(world.egress, MCP_URL, EVIL)
    world.clock.advance(3570)
    assert world.look_up("bob", installation).status == 200
    assert {said(one)["aud"] for one in assertions(world)} == {HONEST}
    assert not any(request.url.startswith(EVIL) for request in world.egress.sent)
