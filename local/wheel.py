"""Build the wheel of the satellite package: the same bytes from the same sources. Needs `flit-core`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.errors import LocalError

PACKAGE = Path(__file__).resolve().parent.parent / "satellite"
EPOCH = "315532800"
"""1980-01-01, the first day that an archive can name, so that no time of a checkout gets into the wheel."""


def build_wheel(folder: Path, package: Path = PACKAGE) -> Path:
    """Build the wheel and put it into a folder, whole or not at all.

    A `SOURCE_DATE_EPOCH` of the caller's own is honoured (seconds, as of reproducible-builds.org).

    Raises:
        LocalError: If the build fails; its output has been printed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        command = [sys.executable, "-m", "flit_core.wheel", str(package), "--outdir", made]
        environ = {"SOURCE_DATE_EPOCH": EPOCH, **os.environ}
        run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if run.returncode:
            print(run.stdout + run.stderr, file=sys.stderr)
            raise LocalError(f"the wheel of {package.name} was not built.")
        (wheel,) = Path(made).glob("*.whl")
        return wheel.replace(folder / wheel.name)
