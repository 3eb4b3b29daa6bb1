"""What is played against each authorization server: the whole life of a connection, through the running Strongroom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.peers.outcomes import PATIENCE, Holds, Noted, NotOffered, Outcome, Step, expect, said, wait
from local.peers.scene import Scene
from local.peers.servers import ACCOUNT
from local.peers.tokens import answered_with_tokens, complaint_about_rotation, offers_refresh, takes_documents
from local.peers.wire import Exchange
from local.services.exchange import s256
from local.services.mcp_caller import Told, TurnedAway
from local.signing import send


class Journey(Scene):
    """The steps, in order; each needs what the ones before it left."""

    def steps(self) -> Iterator[tuple[str, Step]]:
        yield "discovery", self.discovery
        yield "registration", self.registration
        yield "consent", self.consent
        yield "code", self.code
        yield "token", self.token
        yield "renewal when rejected", self.renewal
        yield "renewal by schedule", self.sweep
        yield "step-up", self.step_up
        yield "renewal after step-up", self.sweep
        yield "revocation", self.revocation
        yield "what the step-up replaced", self.replaced

    # -- connecting

    def discovery(self) -> Outcome:
        """From the MCP server's URL alone to the address of the consent page."""
        refused = self.call("whoami", {})
        expect("without a token the MCP server answers 401", isinstance(refused, TurnedAway) and refused.status == 401)
        self.installation = said(self.person.install("Notes", self.mcp), "install", 201)["installation"]
        told = self.begin()
        page, asked = urlsplit(self.begun.url), self.asked()
        expect(
            "the link leads to the page of its metadata", _bare(page.geturl()) == self.says("authorization_endpoint")
        )
        expect(
            "the link asks with S256", asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        )
        expect("the link names the MCP server as the resource", asked["resource"] == self.mcp)
        return Holds(f"Strongroom found {told['provider_host']} behind the MCP server, and asks for {asked['scope']}")

    def registration(self) -> Outcome:
        """By metadata document where the server takes one, else by dynamic registration (MCP, client registration)."""
        endpoint = self.says("registration_endpoint")
        asked = self.standing.wire.posts(endpoint) if endpoint else []
        made = [one for one in asked if one.status in (200, 201)]
        if takes_documents(self.standing.metadata):
            expect("it registered nowhere", not asked)
            return self._by_document()
        if not endpoint:
            return NotOffered("dynamic registration")
        expect("it registered once", len(made) == 1)
        expect("the link is that client's", self.asked()["client_id"] == made[0].given["client_id"])
        return Holds(f"as a client of its own (RFC 7591), with {made[0].given['token_endpoint_auth_method']}")

    def _by_document(self) -> Outcome:
        asked, documents = self.asked(), self.standing.documents
        address = asked["client_id"]
        expect("the client id is the address of our document", address.startswith(f"{documents.public}/"))
        document = send("GET", address.replace(documents.public, documents.reached, 1)).json()
        expect("the document names its own address", document["client_id"] == address)
        expect("the document names the callback", document["redirect_uris"] == [asked["redirect_uri"]])
        return Holds(f"as the client of a metadata document, with {document['token_endpoint_auth_method']}")

    def consent(self) -> Outcome:
        """Sign in and agree on the server's own pages."""
        answer = self.person.browser.answer(self.begun.url)
        given = dict(parse_qsl(urlsplit(answer).query))
        expect("the answer holds a code", bool(given.get("code")))
        arrival = self.person.browser.visit(answer)
        self.secret = arrival.secret or ""
        expect("Strongroom takes the answer", arrival.authorization == self.begun.id and bool(self.secret))
        announced = self.says("authorization_response_iss_parameter_supported") is True
        expect("an issuer that is announced is named", given.get("iss") == self.standing.place.issuer or not announced)
        return Holds("the answer was taken" + (", `iss` checked (RFC 9207)" if announced else "; it names no `iss`"))

    def code(self) -> Outcome:
        done = said(self.person.complete(self.begun.id, self.secret), "complete", 200)
        expect("the person is connected", done["connection"]["status"] == "connected")
        exchange = self.exchanges("authorization_code")[-1]
        proven = s256(exchange.form.get("code_verifier", "")) == self.asked()["code_challenge"]
        expect("the code went with the verifier of its challenge (RFC 7636)", proven)
        expect("the code went with the resource (RFC 8707)", exchange.form.get("resource") == self.mcp)
        expect("the server gave tokens", answered_with_tokens(exchange))
        kept = "a refresh token too" if "refresh_token" in exchange.given else "no refresh token"
        return Holds(f"redeemed with PKCE and resource; {kept}")

    def token(self) -> Outcome:
        self.look_up()
        expect("the refresh token stays inside", "refresh_token" not in self.released)
        expect("the tool says whose token it is", self.tool_knows_whose())
        return Holds(f"looked up; the tool says {ACCOUNT}")

    # -- renewing

    def renewal(self) -> Outcome:
        """Report a 401, as a gateway does."""
        if not offers_refresh(self.standing.metadata):
            return NotOffered("refresh tokens")
        before = dict(self.released)
        report = self.report(status=401)
        self.released = said(report, "rejected", 200)
        expect("another token is handed out", _differs(before, self.released, "version", "access_token"))
        self._expect_rotation()
        expect("the tool takes it", self.tool_knows_whose())
        return Holds("a reported 401 renewed it, and the refresh token was rotated")

    def sweep(self) -> Outcome:
        """Let the schedule find it: everything is due in this run."""
        if not offers_refresh(self.standing.metadata):
            return NotOffered("refresh tokens")
        before = self.released["version"]
        # Once: all is due in this run, so that a second firing renews again, and some servers end the token before.
        self.stack.fire_schedule()
        self.stack.wait_until_empty("SweepQueue", "RenewalQueue", within=PATIENCE)
        expect("the schedule renewed it", self.look_up() != before)
        self._expect_rotation()
        expect("the tool takes the new token", self.tool_knows_whose())
        return Holds("the sweep renewed it with the newest refresh token, which was rotated again")

    def _expect_rotation(self) -> None:
        complaint = complaint_about_rotation(self.exchanges("authorization_code", "refresh_token"), self.mcp)
        expect(complaint or "the refresh token was rotated", complaint is None)

    # -- asking for more

    def step_up(self) -> Outcome:
        """A tool wants a scope more: the rest goes on, and the person consents to the union."""
        refused = self.call("write_note", self.released["headers"])
        expect("the tool answers 403", isinstance(refused, TurnedAway) and refused.status == 403)
        challenge = refused.challenge if isinstance(refused, TurnedAway) else ""
        told = said(self.report(status=403, challenge=challenge), "rejected", 409)
        expect("a step-up is asked for, with a link", told.get("error") == "insufficient_scope" and "link" in told)
        self.look_up()
        expect("the other tools go on meanwhile", self.tool_knows_whose())
        before = set(self.asked()["scope"].split())
        self.begin()
        wanted = set(self.asked()["scope"].split())
        expect("the union of the scopes is asked for", before < wanted)
        self.consent()
        self.code()
        # What becomes of the grant that was replaced is decided now, and not after the newer one has ended.
        self.stack.wait_until_empty("ChoreQueue", within=PATIENCE)
        self.look_up()
        written = self.call("write_note", self.released["headers"])
        expect("the tool writes now", written == Told(f"written by {ACCOUNT}"))
        return Holds(f"a 403 led to consent for {' '.join(sorted(wanted - before))} too; the tool takes the new token")

    # -- ending

    def revocation(self) -> Outcome:
        endpoint, before = self.says("revocation_endpoint"), dict(self.released)
        exchanges = self.exchanges("authorization_code", "refresh_token")
        revoked = said(self.person.revoke(self.installation), "revoke", 200)
        expect("the person is told", revoked["connection"]["reason"] == "revoked")
        asked = self.satellite.look_up(self.person.team, self.installation, ACCOUNT)
        expect("the next look-up gives nothing", asked.status == 409 and asked.json()["reason"] == "revoked")
        if not endpoint:
            return NotOffered("revocation; Strongroom forgot the tokens all the same")
        newest = exchanges[-1].given
        tokens = [newest[kind] for kind in ("refresh_token", "access_token") if kind in newest]
        wait("the server is told of each token", lambda: len(self.revocations(endpoint, tokens)) >= len(tokens))
        told = self.revocations(endpoint, tokens)
        expect("the refresh token goes first", [one.form["token"] for one in told] == tokens)
        expect("the server takes it", all(one.status == 200 for one in told))
        dead = self.call("whoami", before["headers"])
        expect("the access token is dead at the MCP server", isinstance(dead, TurnedAway) and dead.status == 401)
        self._expect_refresh_token_is_dead(exchanges[-1])
        return Holds("the server was told (RFC 7009), and takes neither token any more")

    def replaced(self) -> Outcome:
        """The grant of before the step-up. Where it was another client's, it was revoked at once; where the client is the
        same, it was parked until its successor had ended, and the next tick takes it up."""
        self.stack.wait_until_empty("ChoreQueue", within=PATIENCE)
        self.stack.fire_schedule()
        self.stack.wait_until_empty("SweepQueue", "ChoreQueue", within=PATIENCE)
        exchanges = self.exchanges("authorization_code", "refresh_token")
        last = next(number for number, one in enumerate(exchanges) if _is_code(one) and number > 0) - 1
        if not offers_refresh(self.standing.metadata):
            return NotOffered("refresh tokens")
        answer = self.attempt(exchanges[last])
        if answer is None:
            return Noted("cannot be tried: only who has our key can use a refresh token")
        expect("the replaced refresh token is dead too", _is_dead(answer))
        return Holds("is dead too")

    def _expect_refresh_token_is_dead(self, newest: Exchange) -> None:
        answer = self.attempt(newest) if "refresh_token" in newest.given else None
        expect("whoever kept the refresh token gets invalid_grant", answer is None or _is_dead(answer))


def _is_code(exchange: Exchange) -> bool:
    return exchange.form["grant_type"] == "authorization_code"


def _is_dead(answer: Exchange) -> bool:
    return answer.status in (400, 401) and answer.given.get("error") == "invalid_grant"


def _differs(one: Mapping[str, Any], other: Mapping[str, Any], *names: str) -> bool:
    return all(one[name] != other[name] for name in names)


def _bare(url: str) -> str:
    return url.partition("?")[0]
