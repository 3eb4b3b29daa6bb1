"""`python3 -m explore`: the tests' fixed environment and the layer's path first, since the handlers read both at import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.settings import settle

settle(os.environ)
sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "common" / "python"))

from explore.command import main  # noqa: E402 -- it needs what stands above

sys.exit(main(sys.argv[1:]))
