"""The morning: a server is installed, people connect, and the satellite uses it for each under their own name."""

from __future__ import annotations

from urllib.parse import urlsplit

from local.day import Day
from local.services.mcp_caller import TurnedAway


def installing(day: Day) -> None:
    alice = day.people["alice"]
    installed = alice.install("Team Files", day.places.mcp)
    day.expect("the server is installed for team acme", installed.status == 201)
    day.installation = installed.json()["installation"]
    begun = alice.begin(day.installation)
    found_out = urlsplit(begun.url).netloc == urlsplit(day.places.provider).netloc
    day.expect("Strongroom found out from the server that it needs OAuth, where, and registered itself", found_out)
    arrival = alice.consent(begun)
    done = alice.complete(arrival.authorization or "", arrival.secret or "")
    day.expect("alice consented at the provider and is connected", done.status == 200 and day.is_connected("alice"))
    waiting = [day.people[name].status(day.installation) for name in ("bob", "carol")]
    expected = all(one["status"] == "auth_required" and one["reason"] == "never_connected" for one in waiting)
    day.expect("bob and carol still have to connect themselves (auth_required: never_connected)", expected)


def connecting(day: Day) -> None:
    bob = day.people["bob"]
    asked = day.look_up("bob")
    told = asked.json()
    refused = asked.status == 409 and told["error"] == "authorization_required"
    day.expect("the satellite asks for bob's token and is told that bob has to connect", refused)
    page = bob.browser.open(told["link"])
    leads_home = told["link"].startswith(day.places.web_client) and page.status_code == 200
    day.expect("it gets a link into the web client, which bob opens; opening it starts nothing", leads_home)
    bob.sign_in()
    done = bob.connect(day.installation)
    day.expect(
        "bob signs in, consents at the provider and is connected", done.status == 200 and day.is_connected("bob")
    )


def using(day: Day) -> None:
    day.expect("without a token the MCP server refuses", isinstance(day.satellite.call({}), TurnedAway))
    for name in ("bob", "alice"):
        who = day.tool_says(name)
        day.expect(f"with the token that Strongroom gave for {name}, the tool says: {who}", who == name)
    carol = day.people["carol"]
    arrival = carol.consent(carol.begin(day.installation), allow=False)
    status = carol.status(day.installation)
    denied = arrival.outcome == "denied" and (status["status"], status["reason"]) == ("auth_required", "denied")
    day.expect("carol denies consent and stays auth_required (denied)", denied)
