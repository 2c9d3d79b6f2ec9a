"""``python -m bench.emergency``: a hundred batches of a thousand suspensions, and every emergency number after each; about ten minutes."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.run import ROOT
from vigie.dev.broker import Broker


def main() -> int:
    """Command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="bench.emergency", description=__doc__)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--records", type=int, default=1_000, help="in each batch")
    given = parser.parse_args()
    # The Kamailio and the phones of the tests, which lie beside us in the repo and are not installed.
    sys.path.insert(0, str(ROOT / "tests"))
    from support.emergencies import emergencies

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vigie-emergency-") as work, Broker(Path(work) / "kafka") as broker:
        account = emergencies(broker, "emergency.", Path(work), given.batches, given.records)
    print(
        f"{account.records:,} records in {given.batches} batches, {account.standing:,} stand at the end; "
        f"{account.answered:,} of {account.emergencies:,} emergency calls of restricted AoRs answered; "
        f"{account.refused:,} of their {3 * given.batches:,} satellite calls refused; {time.monotonic() - began:.0f} s"
    )
    return 0 if account.answered == account.emergencies and account.refused == 3 * given.batches else 1


if __name__ == "__main__":
    sys.exit(main())
