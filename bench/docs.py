"""Keeps the measured tables of ``docs/benchmarks.md``, each between two marks; the words around them are written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from bench.run import ROOT

DOC = ROOT / "docs" / "benchmarks.md"


def replace(part: str, text: str, doc: Path = DOC) -> None:
    """Put text between the marks ``<!-- measured: python -m bench.PART --write-docs -->`` and ``<!-- end PART -->``.

    Raises:
        ValueError: the document has no such marks.
    """
    begin, end = f"<!-- measured: python -m bench.{part} --write-docs -->", f"<!-- end {part} -->"
    before = doc.read_text("utf-8")
    after, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", before, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"{doc}: the marks {begin} and {end} must be there once")
    doc.write_text(after, "utf-8")
