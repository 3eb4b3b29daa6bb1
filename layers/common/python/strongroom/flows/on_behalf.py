"""What a satellite is told of one of the team's people: what is installed, with that person's status. Never a secret."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.listing import Wanted
from strongroom.domain.team import Caller
from strongroom.flows.installed import Listing, listing_of
from strongroom.flows.look_up import admit_satellite_of
from strongroom.flows.reads import both_active, two_reads
from strongroom.ports import Ports


def listing_for(ports: Ports, satellite: Caller, team: str, user: str, wanted: Wanted) -> Listing:
    """List the team's installations as this person sees them, without what only admins see, and without accounts.

    The satellite is checked first, as for a look-up, so that one from elsewhere does not learn who is a member.

    Raises:
        Forbidden: If nobody registered the caller.
        NotFound: If it is no satellite of the team, or the person is not a member.
    """
    known, found = two_reads(ports.table, team, user)
    admit_satellite_of(ports, known, satellite, team=team, user=user)
    _, member = both_active(known, found)
    page = listing_of(ports, team, member, wanted)
    return replace(page, entries=[entry.for_callers() for entry in page.entries])
