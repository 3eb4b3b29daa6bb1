"""A gateway's way to Strongroom: look up, report, and keep what may be kept."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Any

import botocore.session

from strongroom_satellite import answers
from strongroom_satellite.asks import Ask, Connections, Installations, LookUp, Rejected
from strongroom_satellite.clock import Clock, Moment, SystemClock
from strongroom_satellite.credentials import AwsSigner, region_of
from strongroom_satellite.direct import DirectInvoke, lambda_client, region_of_arn
from strongroom_satellite.errors import Misconfigured, SatelliteError, Unavailable, WrongAnswer
from strongroom_satellite.flights import Flights, alanded, landed
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release, read_release
from strongroom_satellite.retry import Patience, pause
from strongroom_satellite.shelf import Shelf, kept
from strongroom_satellite.signed import SignedHttp, checked_base, region_in
from strongroom_satellite.transport import Transport

AT_ONCE = 256
LISTS_AT_ONCE = 16
LEAST_ATTEMPT = 1.0


class Strongroom:
    """One for a process; threads and event loops share it.

    Look-ups run in threads of its own, at most `at_once` at the same time, so that a caller in an event loop and one in a
    thread wait for the same look-up, and whoever is cancelled takes nothing away from the others. It does not survive a
    fork: make one in each process.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        at_once: int = AT_ONCE,
    ) -> None:
        self._transport, self._chance, self._wait = transport, chance, wait
        self._patience, self._clock = patience or Patience(), clock or SystemClock()
        self._shelf, self._flights = Shelf(self._clock), Flights[Release](at_once)
        self._lists = Flights[list[dict[str, Any]]](LISTS_AT_ONCE)
        self._closed, self._process = threading.Event(), os.getpid()
        self._longest = self._patience.total + self._patience.attempt

    # -- how to get there

    @classmethod
    def at(
        cls, url: str, *, region: str | None = None, profile: str | None = None, patience: Patience | None = None
    ) -> Strongroom:
        """Ask over https, signed with SigV4 by the ordinary AWS credential chain.

        Raises:
            Misconfigured: If the URL is not https, or no region is known.
        """
        session = botocore.session.Session(profile=profile)
        signer = AwsSigner(session, region_of(session, region or region_in(checked_base(url).host)))
        return cls(SignedHttp(url, signer, patience or Patience()), patience=patience)

    @classmethod
    def direct(
        cls, function: str, *, region: str | None = None, profile: str | None = None, patience: Patience | None = None
    ) -> Strongroom:
        """Invoke the token function by its alias `direct`, which the deployment has to offer.

        Raises:
            Misconfigured: If no region is known.
        """
        session = botocore.session.Session(profile=profile)
        client = lambda_client(session, region_of(session, region or region_of_arn(function)), patience or Patience())
        return cls(DirectInvoke(function, client), patience=patience)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, *, patience: Patience | None = None
    ) -> Strongroom:
        """Ask at `STRONGROOM_URL`, or invoke `STRONGROOM_FUNCTION`; `STRONGROOM_REGION` is where, if neither tells it and
        it is not this gateway's own region.

        Raises:
            Misconfigured: If neither is set, or both are.
        """
        url, function = environ.get("STRONGROOM_URL"), environ.get("STRONGROOM_FUNCTION")
        if bool(url) == bool(function):
            raise Misconfigured("set STRONGROOM_URL, or STRONGROOM_FUNCTION for direct invoke, and not both")
        way, region = cls.at if url else cls.direct, environ.get("STRONGROOM_REGION")
        return way(url or function or "", region=region, patience=patience)

    # -- tokens

    def look_up(self, need: Need, *, min_validity: int | None = None) -> Release:
        """Give the token of one need: the kept one, or a fresh one.

        `min_validity` is in seconds; a token that ends sooner is renewed first, if its provider lets it.

        Raises:
            AuthorizationRequired: If the person has to act.
            SatelliteError: For everything else that may happen; see `errors`.
            ValueError: If `min_validity` is more than ten minutes.
        """
        return landed(self._look_up(need, min_validity), self._longest)

    async def alook_up(self, need: Need, *, min_validity: int | None = None) -> Release:
        """As `look_up`, in an event loop."""
        self._check_process()
        kept_already = self._shelf.find(need, min_validity)
        if kept_already is not None:
            return kept_already
        return await alanded(self._look_up(need, min_validity), self._longest)

    def rejected(self, need: Need, version: str, status: int, challenge: str | None = None) -> Release:
        """Report that the MCP server answered this version 401 or 403, and give what to try instead.

        Whoever reports a version that has been replaced meanwhile gets the newer one, and Strongroom is not asked. The
        release may have the same version: then nothing better is to be had.

        Raises:
            AuthorizationRequired: If the person has to act; for a challenge `insufficient_scope`, with a link to allow more.
        """
        return landed(self._rejected(Rejected(need, version, status, challenge)), self._longest)

    async def arejected(self, need: Need, version: str, status: int, challenge: str | None = None) -> Release:
        """As `rejected`, in an event loop."""
        return await alanded(self._rejected(Rejected(need, version, status, challenge)), self._longest)

    def forget(self, need: Need) -> None:
        """Ask Strongroom at the next look-up, whatever is kept."""
        self._check_process()
        self._shelf.drop(need)
        self._flights.leave(lambda key: key[:2] == ("look-up", need))

    def _look_up(self, need: Need, min_validity: int | None) -> Future[Release]:
        self._check_process()
        # A report answers like a look-up: whoever comes while one is under way waits for its answer.
        reporting = self._flights.under_way(("rejected", need))
        if reporting is not None:
            return reporting
        ask, began = LookUp(need, min_validity), self._clock.now()
        return self._flights.join(
            ("look-up", need, min_validity),
            lambda: self._shelf.find(need, min_validity),
            lambda: self._released(ask, need, began),
        )

    def _rejected(self, report: Rejected) -> Future[Release]:
        self._check_process()
        need, began = report.need, self._clock.now()

        def newer() -> Release | None:
            found = self._shelf.find(need)
            return found if found is not None and found.version != report.version else None

        def fly() -> Release:
            if report.status == 401:
                self._shelf.reject(need, report.version)
            return self._released(report, need, began)

        # What lacks a scope is a good token still: such a report is nobody else's look-up.
        key = ("rejected", need) if report.status == 401 else ("lacking", report)
        return self._flights.join(key, newer, fly)

    def _released(self, ask: Ask, need: Need, began: Moment) -> Release:
        try:
            reply, asked = self._answered(ask, need, began)
            release = read_release(answers.members(reply))
        except ValueError:
            # From nothing: the body, which may hold a token, stands in the frames of that error's traceback.
            raise WrongAnswer("an answer that is not Strongroom's") from None
        except Unavailable:
            raise
        except SatelliteError as refused:
            if refused.code != "insufficient_scope":
                self._shelf.drop(need)
            raise
        return self._shelf.keep(need, kept(release, asked, answers.sent_at(reply)))

    # -- who is connected

    def installations(self, team: str, user: str) -> list[dict[str, Any]]:
        """List the team's installations as this user sees them, each with the user's status. No secret is in it."""
        return landed(self._installations(team, user), self._longest)

    def connections(self, team: str, installation: str) -> list[dict[str, Any]]:
        """List how everybody of the team stands at one installation. Takes a host's credentials."""
        return landed(self._connections(team, installation), self._longest)

    async def ainstallations(self, team: str, user: str) -> list[dict[str, Any]]:
        """As `installations`, in an event loop."""
        return await alanded(self._installations(team, user), self._longest)

    async def aconnections(self, team: str, installation: str) -> list[dict[str, Any]]:
        """As `connections`, in an event loop."""
        return await alanded(self._connections(team, installation), self._longest)

    def _installations(self, team: str, user: str) -> Future[list[dict[str, Any]]]:
        first = Installations(team, user)
        return self._listed(first, lambda after: replace(first, after=after), "installations")

    def _connections(self, team: str, installation: str) -> Future[list[dict[str, Any]]]:
        first = Connections(team, installation)
        return self._listed(first, lambda after: replace(first, after=after), "connections")

    def _listed(self, key: Hashable, ask: Callable[[str | None], Ask], name: str) -> Future[list[dict[str, Any]]]:
        self._check_process()
        return self._lists.join((key,), lambda: None, lambda: self._pages(ask, name))

    def _pages(self, ask: Callable[[str | None], Ask], name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: str | None = None
        turned = set[str]()
        while True:
            page = answers.members(self._answered(ask(after), None, self._clock.now())[0])
            rows, after = page.get(name), page.get("next")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise WrongAnswer("an answer that is not Strongroom's")
            found += rows
            if not isinstance(after, str):
                return found
            if after in turned:
                raise WrongAnswer("a list that does not end")
            turned.add(after)

    # -- asking

    def _answered(self, ask: Ask, need: Need | None, began: Moment) -> tuple[answers.Reply, Moment]:
        """Ask until there is an answer, a refusal, or no more time, which counts from when somebody began to wait."""
        until = began.steady + self._patience.total
        tries = 0
        while True:
            asked = self._clock.now()
            try:
                left = max(LEAST_ATTEMPT, until - asked.steady)  # a pause may have taken longer than it should
                return self._once(ask, need, min(self._patience.attempt, left)), asked
            except WrongAnswer:
                raise
            except Unavailable as passing:
                wait = pause(tries, passing.retry_after, self._chance)
                tries += 1
                if self._clock.now().steady + wait + LEAST_ATTEMPT > until or self._wait(self._closed, wait):
                    raise

    def _once(self, ask: Ask, need: Need | None, within: float) -> answers.Reply:
        reply = self._transport.send(ask, within)
        if reply.status != 200:
            raise answers.refusal(reply, need)
        return reply

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise Misconfigured("this Strongroom was made before the process forked: make one in each process")

    # -- the end

    def close(self) -> None:
        """Let go of connections and threads. Look-ups that are under way try no more.

        In a process that was forked there is nothing to let go of: all of it belongs to the one that made this.
        """
        if os.getpid() != self._process:
            return
        self._closed.set()
        self._flights.close()
        self._lists.close()
        self._transport.close()

    def __enter__(self) -> Strongroom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Strongroom:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
