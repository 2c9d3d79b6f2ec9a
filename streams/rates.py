"""What a call costs: the operator's prefix table, or a default per class.

Prices are integers, thousandths of a cent per minute and per call: sums of floats are not the same on every machine.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from streams.dialled import prefix_key
from streams.errors import InputUnreadable

#: Cents per minute when the operator gives no table. Ours: no publisher; classes absent here cost nothing.
DEFAULT_CENTS: Mapping[str, int] = {
    "fixed": 1,
    "mobile": 5,
    "shared_cost": 15,
    "intl_fixed_mobile": 30,
    "premium": 80,
    "short_paid": 80,
    "satellite": 500,
    "intl_premium": 200,
    "operator_risk": 200,
}
#: Classes that are never charged, whatever a prefix table says.
NEVER_CHARGED = frozenset({"emergency", "internal", "invalid"})
COLUMNS = ["prefix", "per_minute_cents", "setup_cents"]
#: Over 1,000 euros a minute is a slip of the decimal point, and would suspend on its first call.
MAX_CENTS = 100_000


class RateError(InputUnreadable):
    """A rate table cannot be used. The message names the file, the line and what was expected."""


class RateTable:
    """Prices by longest prefix, else by class.

    Args:
        prefixes: canonical prefix (``streams.dialled.prefix_key``) → (per minute, per call), thousandths of a cent.
        source: where they come from, for summaries; ``ours`` for the defaults alone.

    >>> RateTable().price("+33612345678", "mobile"), RateTable({"+336": (4500, 100)}, "tariff.csv").price("+33612345678", "mobile")
    ((5000, 0), (4500, 100))
    """

    def __init__(self, prefixes: Mapping[str, tuple[int, int]] | None = None, source: str = "ours") -> None:
        self.source = source
        self._prefixes = dict(prefixes or {})
        self._longest = max(map(len, self._prefixes), default=0)

    def __len__(self) -> int:
        return len(self._prefixes)

    @classmethod
    def from_csv(cls, path: Path) -> RateTable:
        """Read an operator's table: ``prefix,per_minute_cents,setup_cents``, decimals with a point, setup may be empty.

        Raises:
            RateError: the file cannot be read, or a row is wrong; file and line are named.
        """
        prefixes: dict[str, tuple[int, int]] = {}
        lines: dict[str, int] = {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file)
                header = [name.strip() for name in next(reader, [])]
                if header != COLUMNS:
                    raise RateError(f"{path}:1: the header must be {','.join(COLUMNS)}, not {','.join(header)!r}")
                for row in reader:
                    if not any(cell.strip() for cell in row):
                        continue
                    where = f"{path}:{reader.line_num}"
                    if len(row) != len(COLUMNS):
                        raise RateError(f"{where}: expected {len(COLUMNS)} columns, found {len(row)}")
                    try:
                        key = prefix_key(row[0].strip())
                    except ValueError as error:
                        raise RateError(f"{where}: {error}") from None
                    if key in lines:
                        raise RateError(f"{where}: prefix {key} is already priced on line {lines[key]}; keep one of the two")
                    lines[key] = reader.line_num
                    prefixes[key] = _thousandths(row[1], where, COLUMNS[1]), _thousandths(row[2] or "0", where, COLUMNS[2])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise RateError(f"{path}: cannot be read as a rate table in UTF-8: {error}") from error
        return cls(prefixes, str(path))

    def price(self, number: str, cls: str) -> tuple[int, int]:
        """Price of a number: thousandths of a cent per minute, and per call.

        Args:
            number: E.164 with its ``+``, or a short code.
            cls: its class (contracts); decides when no prefix matches.
        """
        if cls in NEVER_CHARGED:
            return 0, 0
        for length in range(min(self._longest, len(number)), 0, -1):
            found = self._prefixes.get(number[:length])
            if found is not None:
                return found
        return DEFAULT_CENTS.get(cls, 0) * 1000, 0


def _thousandths(cell: str, where: str, column: str) -> int:
    try:
        cents = Decimal(cell.strip())
    except InvalidOperation:
        raise RateError(f"{where}: {column} {cell!r} is not a number of cents (write 4.5, not 4,5)") from None
    if not (cents.is_finite() and 0 <= cents <= MAX_CENTS):
        raise RateError(f"{where}: {column} {cell!r} must be between 0 and {MAX_CENTS} cents")
    return int((cents * 1000).to_integral_value(ROUND_HALF_UP))
