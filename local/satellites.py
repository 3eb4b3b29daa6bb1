"""What runs beside Strongroom, as whoever operates a gateway runs it: the example gateway and the command line.

In development the satellite package is found through `PYTHONPATH`, which only processes with this environment get: the
functions, the services and `local` itself do not see it, as they would not in the cloud.
"""

from __future__ import annotations

from pathlib import Path

from local.accounts import REGION, Caller
from local.environment import ROOT
from local.processes import bare_environment

SOURCES = ROOT / "satellite" / "src"


def satellite_environment(home: Path, caller: Caller, url: str) -> dict[str, str]:
    """Give a process the satellite package, one caller's credentials and Strongroom's address: nothing of the user's."""
    return {**bare_environment(home), **who_and_where(caller, url), "PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"}


def who_and_where(caller: Caller, url: str) -> dict[str, str]:
    """What a gateway's environment says: its credentials, and Strongroom's address."""
    return {
        "AWS_ACCESS_KEY_ID": caller.access_key,
        "AWS_SECRET_ACCESS_KEY": caller.secret,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "STRONGROOM_URL": url,
    }
