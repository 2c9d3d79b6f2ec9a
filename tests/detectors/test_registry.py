"""Rules are the files of ``detectors/rules/``, and what other packages offer by entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import detectors.rules
from detectors.registry import installed

ROOT = Path(__file__).parents[2]
LIST = "from detectors.registry import installed; print(*installed())"


def offered(folder: Path, rule: str) -> subprocess.CompletedProcess[str]:
    """What is installed when a package offers a rule of that id."""
    info = folder / "plugin-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vigie.detectors]\nmine = plugin:RULE\n")
    (folder / "plugin.py").write_text(f"from support.probe import Probe\n\n\nclass Mine(Probe):\n    rule = {rule!r}\n\n\nRULE = Mine()\n")
    path = os.pathsep.join([str(folder), str(ROOT / "tests"), str(ROOT)])
    return subprocess.run([sys.executable, "-c", LIST], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)


def test_every_file_of_the_rules_folder_is_a_rule_under_its_own_name() -> None:
    files = {file.stem.replace("_", "-") for file in Path(detectors.rules.__path__[0]).glob("[a-z]*.py")}
    assert set(installed()) >= files


def test_a_package_adds_a_rule_by_entry_point(tmp_path: Path) -> None:
    assert "of-a-package" in offered(tmp_path, "of-a-package").stdout.split()


def test_a_rule_that_two_packages_offer_is_refused_by_name(tmp_path: Path) -> None:
    done = offered(tmp_path, "autodial")
    assert done.returncode
    assert "rule 'autodial' is offered twice" in done.stderr
