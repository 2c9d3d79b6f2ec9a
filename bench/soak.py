"""``python -m bench.soak``: a provider's load on a real Kafka while everything fails, as the failure tests do it with fewer events."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from bench.docs import DOC, replace
from bench.run import ROOT, machine
from vigie.dev.broker import Broker

if TYPE_CHECKING:
    from support.live import Account, Live
    from support.load import Shape

DETECT_KILLS, INGEST_KILLS = 5, 3
#: A broker that stays away long enough for every client to notice, seconds.
AWAY_S = 5.0
#: The load of the case with the kills lasts so long, and that of each other case: failures must happen under load, seconds.
KILLS_S, OTHERS_S = 250, 60


def kills(live: Live) -> None:
    """Detect is killed at five random moments, ingest at three."""
    dice = Random(1)
    moments = sorted((dice.uniform(0.05, 0.9), what) for what in ["detect"] * DETECT_KILLS + ["ingest"] * INGEST_KILLS)
    live.start("w1")
    for share, what in moments:
        live.when(share)
        live.kill_ingest() if what == "ingest" else live.kill("w1")


def broker_away(live: Live) -> None:
    """The broker is stopped and started again, then killed and started again."""
    live.start("w1")
    for share, end in ((0.3, live.broker.stop), (0.65, live.broker.kill)):
        live.when(share)
        end()
        time.sleep(AWAY_S)
        live.broker.start()


def come_and_go(live: Live) -> None:
    """Two workers; a third one comes, the first one goes."""
    live.start("w1")
    live.start("w2")
    live.when(0.3)
    live.start("w3")
    live.when(0.6)
    live.stop("w1")


def undisturbed(live: Live) -> None:
    """What is sent is trouble enough."""
    live.start("w1")


def zombie(live: Live) -> None:
    """A worker is paused past its session, and wakes when another one has its partitions."""
    live.pause("zombie", "heir")


def cases(events: int) -> list[tuple[str, Shape, Callable[[Live], None]]]:
    """What is done with how many events: the figures of each, scaled to those of the kills."""
    from support.load import Shape

    part = max(8_000, events // 10)
    return [
        (f"detect killed {DETECT_KILLS} times, ingest {INGEST_KILLS} times", Shape(events), kills),
        ("broker stopped and started, then killed and started", Shape(part), broker_away),
        ("a third worker comes, the first of two goes", Shape(part), come_and_go),
        ("one record of ten poisoned", Shape(part, poison=10), undisturbed),
        ("repeats, contradictions, late events", Shape(part, repeats=5, conflicts=2, late=5), undisturbed),
        ("a worker paused past its session", Shape(part), zombie),
    ]


def row(name: str, account: Account, live: Live, seconds: float) -> str:
    """A line of the table."""
    recovered = "; ".join(f"{what} {', '.join(f'{one:.1f}' for one in found)}" for what, found in live.recovered.items() if found)
    figures = [account.produced, account.duplicates, account.dead, account.late, account.repeated_by_us]
    figures += [account.outputs["alerts"], account.outputs["suspensions"]]
    return f"| {name} | {' | '.join(f'{one:,}' for one in figures)} | {recovered or '–'} | {seconds:.0f} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the case with the kills; the others have a tenth (1,000,000)")
    parser.add_argument("--quick", action="store_true", help="100,000 events, in less than half the time")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    events, faster = (100_000, 2.4) if given.quick else (given.events, 1.0)
    # The harness is that of the tests, which are no package.
    sys.path.append(str(ROOT / "tests"))
    from support.live import Live

    lines = [
        f"{events:,} events in the case of the kills. {machine(one_core=False)}.",
        "",
        "| what failed | records | repeats | dead letters | late | said again by ingest | alerts | suspensions "
        "| s from `kill -9` to the first frame | s in all |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    with tempfile.TemporaryDirectory(prefix="vigie-soak-") as scratch, Broker(Path(scratch) / "kafka") as broker:
        for number, (name, shape, disturb) in enumerate(cases(events)):
            print(f"{name} …", flush=True)
            begun, own = time.monotonic(), Path(scratch) / str(number)
            own.mkdir()
            rate = round(shape.events * faster / (KILLS_S if disturb is kills else OTHERS_S))
            with Live(broker, f"soak{number}.", own, shape, rate) as live:
                disturb(live)
                account = live.finish()
            lines.append(row(name, account, live, time.monotonic() - begun))
            print(lines[-1], flush=True)
    table = "\n".join(lines)
    print(f"\n{table}")
    if given.write_docs:
        replace("soak", table)


if __name__ == "__main__":
    main()
