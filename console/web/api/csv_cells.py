"""CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

#: A cell that begins so is a formula to some spreadsheet; the wide ones to those of East Asia.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BLANK = " \t\r\n\v\f\u00a0\u200b\ufeff"
#: Rows joined into one piece of an answer.
BLOCK = 200


def cell(value: Any) -> str:
    r"""A value as a cell; text that would be run gets an apostrophe in front, by which every spreadsheet takes it as text.

    >>> cell('=HYPERLINK("http://evil")'), cell("  @SUM(A1)"), cell(-250), cell(None), cell("pbx-1")
    ('\'=HYPERLINK("http://evil")', "'  @SUM(A1)", '-250', '', 'pbx-1')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    bare = text.lstrip(_BLANK)
    return "'" + text if text.startswith(FORMULA) or bare.startswith(FORMULA) else text


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A table in pieces, its head first."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(row[name]) for name in columns])
        if number % BLOCK == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
