"""The peers' environment: made once, beside the benchmark's other files, from ``requirements.txt``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Installing takes 15 s where packages are near.
INSTALL_S = 300
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Missing(Exception):
    """A host cannot run on this machine; the text is the reason."""


def environment(folder: Path, requirements: Path = REQUIREMENTS) -> Path:
    """The interpreter of the peers' environment, made anew when the requirements changed.

    Raises:
        Missing: a package cannot be installed; the text is pip's.
    """
    python, wanted, made = folder / "bin" / "python", requirements.read_text("utf-8"), folder / "requirements.txt"
    if made.exists() and made.read_text("utf-8") == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])
    made.write_text(wanted, "utf-8")
    return python


def require(python: Path, package: str) -> None:
    """See whether a package can be imported.

    Raises:
        Missing: it cannot; the text is Python's.
    """
    _run([str(python), "-c", f"import {package}"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Missing(lines[-1].strip() if lines else f"exit status {done.returncode}")
