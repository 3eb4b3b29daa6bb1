"""What Strongroom costs: ratios within one run, and counts. `python -m bench` prints them and keeps nothing."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYER = ROOT / "layers/common/python"

# Before anything of ours is imported: where it is, and the tests' fixed settings instead of this machine's.
if str(LAYER) not in sys.path:
    sys.path.insert(0, str(LAYER))

from tests.settings import settle  # noqa: E402

settle(os.environ)
