"""The evening: an attacker from another team tries what she can."""

from __future__ import annotations

from local.actors import Person
from local.day import Day
from local.signing import send

GUESS = "A" * 43


def attacking(day: Day) -> None:
    bob, mallory = day.people["bob"], day.people["mallory"]
    _asking(day, mallory)
    begun = bob.begin(day.installation)
    callback = bob.browser.answer(begun.url)
    arrival = bob.browser.visit(callback)
    stolen = mallory.complete(begun.id, GUESS)
    day.expect(
        "mallory completes bob's authorization with her own sign-in: there is no such thing for her (404)",
        stolen.status == 404,
    )
    done = bob.complete(arrival.authorization or "", arrival.secret or "")
    day.expect("bob completes it himself", done.status == 200 and day.tool_says("bob") == "bob")
    exchanges = day.provider.exchanges()
    replay = mallory.browser.open(callback)
    day.expect(
        "mallory replays bob's callback: a neutral page, and no second token request",
        replay.status_code == 200 and "location" not in replay.headers and day.provider.exchanges() == exchanges,
    )
    _fixating(day, bob, mallory)


def _asking(day: Day, mallory: Person) -> None:
    path = f"/v1/satellite/teams/acme/installations/{day.installation}/token"
    by_jwt = mallory.ask("POST", path, {"user": "bob"})
    day.expect("mallory asks for bob's token with her JWT: refused", by_jwt.status in (401, 403))
    unsigned = send("POST", f"{day.places.api}{path}", b'{"user":"bob"}', {"Content-Type": "application/json"})
    day.expect("without a signature: refused", unsigned.status in (401, 403))
    stranger = day.stranger.look_up("acme", day.installation, "bob")
    day.expect("with an IAM role that nobody registered: refused", stranger.status == 403)
    foreign = mallory.ask("GET", f"/v1/teams/acme/installations/{day.installation}")
    day.expect("she cannot even see the installation (404)", foreign.status == 404)


def _fixating(day: Day, bob: Person, mallory: Person) -> None:
    """Mallory begins, lets bob consent, and tries to finish: the main attack on this kind of product."""
    theirs = mallory.install("Files too", day.places.mcp).json()["installation"]
    bait = mallory.begin(theirs)
    version = day.version("bob")
    arrival = bob.consent(bait)
    day.expect("mallory sends bob a link of her own, and bob consents", arrival.authorization == bait.id)
    grab = mallory.complete(bait.id, GUESS)
    day.expect("mallory tries to finish it: she lacks what only bob's browser got", grab.status == 400)
    page = bob.complete(arrival.authorization or "", arrival.secret or "")
    day.expect("bob's page tries to finish it as bob: nothing of it is bob's (404)", page.status == 404)
    again = mallory.complete(bait.id, arrival.secret or "")
    day.expect("even with bob's secret it is over now", again.status == 400)
    day.expect("bob's account did not end up with mallory", mallory.status(theirs)["status"] == "auth_required")
    unmoved = day.version("bob") == version and day.tool_says("bob") == "bob"
    day.expect("nor mallory's with bob: the tool still says bob", unmoved)
