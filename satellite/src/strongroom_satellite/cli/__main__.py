"""`python -m strongroom_satellite.cli`, where the script `strongroom` is not installed."""

from __future__ import annotations

import sys

from strongroom_satellite.cli import main

if __name__ == "__main__":
    sys.exit(main())
