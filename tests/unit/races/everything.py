"""All that people, satellites, schedule and queues do, one operation after the other, each perhaps in trouble; and what is
expected of each answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from strongroom.domain.connection import Owner
from strongroom.domain.errors import QueueUnavailable
from tests.unit.attacks.endings import alter
from tests.unit.attacks.scenes import given_to_the_browser
from tests.unit.cutting import rebind
from tests.unit.races.deliveries import hand_over, tick
from tests.unit.races.expectations import UNKNOWN, Consent
from tests.unit.races.ground import USERS, Ground, Troubles
from tests.unit.races.troubles import Meanwhile
from tests.world import Answered

WORKED = ("renewal", "rescue", "chore")
SOON = 5.0
"""Seconds after which a result on the rescue queue is delivered at the latest: SQS would have done so long before."""


def interleaved(troubles: Troubles) -> bool:
    """Whether somebody else did something at a step: then it is not said what came first."""
    return any(isinstance(trouble, Meanwhile) for trouble in troubles)


class Everything(Ground):
    """The operations. Who calls them may name troubles."""

    def do(self, what: str, other: int | None, which: int) -> None:
        """What somebody else does while an operation runs: about the same person's connection, or another's."""
        user, place = self.subject if other is None else (USERS[other], self.places[which % len(self.places)])
        self.depth += 1
        try:
            self._do(what, user, place, which)
        finally:
            self.depth -= 1

    def _do(self, what: str, user: str, place: str, which: int) -> None:
        match what:
            case "look up":
                self.look(user, place)
            case "revoke":
                self.take_back(user, place)
            case "leave":
                self.leave(user)
            case "come back":
                self.come_back(user)
            case "complete":
                self.finish_one(-1 - which, None)
            case "connect":
                self.connect_anew(user, place)
            case "work":
                self.work(WORKED[which % len(WORKED)], which)
            case "stall":
                self.clock.advance(12)

    # -- satellites

    def look(self, user: str, place: str, troubles: Troubles = (), *, not_version: bool = False) -> None:
        """Look up, perhaps refusing the version that was given last."""
        seen = self.versions.get(f"{user} {place}") if not_version else None
        body: dict[str, Any] = {"not_version": seen} if seen else {}
        self._asked(user, place, troubles, seen, lambda: self.look_up(user, place, **body))

    def report(self, user: str, place: str, status: int, troubles: Troubles = ()) -> None:
        """Report that the version that was given last was rejected."""
        seen = self.versions.get(f"{user} {place}")
        if seen is not None:
            self._asked(user, place, troubles, seen, lambda: self.reject(user, place, seen, status))

    def _asked(
        self, user: str, place: str, troubles: Troubles, unwanted: str | None, ask: Callable[[], Answered]
    ) -> None:
        over = set(self.known.over)
        self.subject = (user, place)
        if unwanted is not None:
            self.known.reported.add(self.known.owner(user, place))
        answer = self.attempt(ask, troubles)
        if answer is None:
            return
        self.well(answer)
        if answer.status == 200:
            self.say(answer.json["version"] != unwanted, "the version that was not wanted")
            self._given(answer, user, place, over)
        elif not troubles and not self.depth:
            self._refused(answer, user, place)

    def _given(self, answer: Answered, user: str, place: str, over: set[str]) -> None:
        """I1, I2, I21: it is this person's, and it was not over when they asked."""
        account = self.witness.account_of.get(answer.json["access_token"], "nobody")
        self.say(self.known.may_be_given(account, user, place), f"I1: {user} was given a token of {account}")
        self.say(account not in over, f"I2, I21: {user} was given a token of {account}, which was over")
        self.versions[f"{user} {place}"] = answer.json["version"]

    def _refused(self, answer: Answered, user: str, place: str) -> None:
        """I7: nobody in trouble is asked to act, unless the provider or a person ended it."""
        member, owner = self.known.member[user], self.known.owner(user, place)
        if member is not True or (self.disabled and place == self.places[0]):
            return
        expected, reason = self.known.expected(owner), answer.json.get("reason")
        self.say(answer.status in (409, 503), f"{answer.status} for a member")
        if answer.status == 503 or expected is None or expected == UNKNOWN:
            return
        ended = expected in self.witness.at_risk | self.known.withdrawn
        told = reason in ("refused", "lost_response", "admin_must_connect") and ended
        rejected = reason in ("rejected", "admin_must_connect") and owner in self.known.reported
        self.say(told or rejected, f"I7: {user} is to act, {reason}, although {expected} serves")

    # -- people

    def consent_to(self, user: str, place: str) -> Consent | None:
        """Begin, and consent at the provider with an account that nobody else has."""
        self.clock.advance(1)
        path = f"/v1/teams/acme/installations/{place}/authorize"
        answer = self.as_user(user, "POST", path, {})
        self.well(answer)
        if answer.status != 201:
            return None
        self.consented += 1
        account = f"account {self.consented} of {user}"
        url = answer.json["authorization_url"]
        proof = given_to_the_browser(self.browse(self.provider.consent(url, account)))
        return self.known.consented(account, user, self.known.owner(user, place), proof)

    def connect_anew(self, user: str, place: str) -> None:
        consent = self.consent_to(user, place)
        if consent is not None:
            self.finish(consent, user)

    def deny(self, user: str, place: str) -> None:
        """Begin, and say no at the provider."""
        answer = self.as_user(user, "POST", f"/v1/teams/acme/installations/{place}/authorize", {})
        if answer.status == 201:
            self.browse(self.provider.consent(answer.json["authorization_url"], user, error="access_denied"))

    def finish_one(self, which: int, by: int | None, troubles: Troubles = ()) -> None:
        """Complete some consent, as the person whose it is (`by` None) or as somebody else."""
        consents = list(self.known.consents.values())
        if consents:
            consent = consents[which % len(consents)]
            self.finish(consent, consent.user if by is None else USERS[by], troubles)

    def finish(self, consent: Consent, by: str, troubles: Troubles = ()) -> None:
        self.subject = (consent.user, consent.owner[0])
        first, over = not (consent.tried or consent.destroyed), consent.account in self.known.over
        if by != consent.user:
            consent.destroyed = True
        else:
            consent.tried = True
        confirmed = {"confirm_shared": True} if consent.owner[1] == "" else {}
        answer = self.attempt(lambda: self.complete(by, consent.proof, **confirmed), troubles)
        if answer is not None:
            self.well(answer)
        if by != consent.user:
            self.say(answer is None or answer.status != 200, f"I1: {by} finished the consent of {consent.user}")
            return
        if answer is None or answer.status == 503:
            consent.open = not consent.done
        elif answer.status == 200 and answer.json["state"] == "completed" and not consent.done:
            self.say(not (first and over), f"I2, I9: {consent.account} was connected although it was over")
            self.known.completed(consent, alone=first and not interleaved(troubles))

    def take_back(self, user: str, place: str, troubles: Troubles = ()) -> None:
        owner = self.known.owner(user, place)
        begun, self.subject = self.known.of(owner), (user, place)
        answer = self.attempt(lambda: self.revoke(user, place), troubles)
        if answer is not None:
            self.well(answer)
        if answer is not None and answer.status == 200:
            self.known.ended(owner, begun)
        if answer is None or answer.status == 503 or interleaved(troubles):
            self.known.not_certain(owner)

    def leave(self, user: str, troubles: Troubles = ()) -> None:
        self._put(user, None, troubles)

    def come_back(self, user: str, troubles: Troubles = ()) -> None:
        self._put(user, "team_admin" if user == USERS[0] else "team_user", troubles)

    def _put(self, user: str, role: str | None, troubles: Troubles) -> None:
        begun, self.subject = self.known.by(user), (user, self.places[0])
        answer = self.attempt(lambda: self.put_member("acme", user, role), troubles)
        if answer is not None:
            self.well(answer)
        if answer is not None and answer.status == 200:
            self.known.left(user, begun) if role is None else self.known.came(user)
        if answer is None or answer.status != 200 or interleaved(troubles):
            self.known.unsure_of(user)

    def withdraw(self, which: int) -> None:
        """The person ends a grant on the provider's own pages."""
        alive = [grant.account for grant in self.provider.grants if grant.alive]
        if alive:
            self.provider.withdraw(alive[which % len(alive)])
            self.known.withdrawn.add(alive[which % len(alive)])

    # -- admins, whose routes are still to come

    def change(self) -> None:
        """The first installation becomes another: a new binding, and what hung on the old one is cut."""
        rebind(self, self.places[0])
        self.known.changed(self.places[0])

    def enable(self, enabled: bool) -> None:
        alter(self, self.places[0], enabled=enabled)
        self.disabled = not enabled

    # -- schedule, queues and time

    def fire(self, troubles: Troubles = ()) -> None:
        """A tick of the schedule, and the sweep of the shard."""
        with suppress(QueueUnavailable):  # Lambda fires it again, and the next tick does the same
            self.attempt(lambda: tick(self), troubles)
        while self.work("sweep", 0, troubles):
            troubles = ()

    def work(self, name: str, at: int, troubles: Troubles = (), times: int = 1) -> bool:
        """Deliver one of the messages that can be seen, so many times; it goes if the worker says so."""
        delivery = self.loose[name].take(at)
        if delivery is None:
            return False
        for _ in range(times):
            left = self.attempt(lambda: hand_over(self, name, [delivery]), troubles)
            if left == set():
                self.loose[name].delete(delivery.receipt)
        return True

    def keep_time(self) -> None:
        """Results that nobody has taken for a while come in now."""
        while self.loose["rescue"].visible_since(self.clock.now() - SOON):
            self.work("rescue", 0)

    def grow_old(self, user: str, place: str, left: int) -> None:
        """Let time pass until the token of a connection has so many seconds left."""
        self.subject = (user, place)
        owner = Owner("acme", self.known.owner(user, place)[1] or None, place)
        expires_at = self.table.peek(owner.key).get("expires_at")
        self.pass_time(max(0.0, expires_at - left - self.clock.now()) if isinstance(expires_at, int) else 0.0)

    def pass_time(self, seconds: float) -> None:
        until = self.clock.now() + seconds
        while (at := self.loose["rescue"].next_at()) is not None and at <= until:
            self.clock.set(max(at, self.clock.now()))
            self.work("rescue", 0)
        self.clock.set(max(until, self.clock.now()))
