"""Inputs of whole runs: lines of a small provider with honest customers and abusive ones, and the policy and database to judge them."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

from streams.times import format_time
from support.core import ms
from support.geo import build_mmdb

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
START = ms("2026-01-05 00:00")
#: The country of every address below, for ``database``.
NETWORKS = {"2.0.0.0/16": "FR", "2.1.0.0/16": "FR", "5.1.0.0/16": "CH", "5.2.0.0/16": "CH"}


def database(path: Path) -> Path:
    """A country database that knows the addresses of ``provider``."""
    return build_mmdb(path, {cidr: {"country": {"iso_code": country}} for cidr, country in NETWORKS.items()}, built=date(2026, 1, 1))


def line(kind: str, at: int, **fields: Any) -> bytes:
    """One contract line."""
    return json.dumps({"v": 1, "kind": kind, "time": format_time(at), **fields}, separators=(",", ":")).encode()


class Provider:
    """Writes lines with running ids."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.lines: list[bytes] = []

    def add(self, kind: str, at: int, **fields: Any) -> None:
        self.lines.append(line(kind, at, id=f"{kind[0]}{len(self.lines)}", **fields))

    def customer(self, tenant: str, licences: int) -> None:
        at = START - DAY
        self.add(
            "tenant", at, tenant=tenant, name=tenant, offer="unlimited", softphones_billed=licences, monthly_fee_cents=2_000 * licences
        )
        for n in range(licences):
            self.add("licence", at, tenant=tenant, licence=str(100 + n), type="softphone", aors=[aor(tenant, n)])

    def registration(self, tenant: str, n: int, at: int, ip: str, action: str = "register") -> None:
        self.add(
            "registration", at, pbx="pbx-1", aor=aor(tenant, n), action=action, device=f"urn:uuid:{tenant}-{n}", user_agent="Linphone/5.2",
            contact=f"sip:{100 + n}@{ip}", source_ip=ip, source_port=5060, expires_s=3600, status=200,
        )  # fmt: skip

    def call(self, tenant: str, n: int, at: int, ip: str, number: str, ring_s: int = 5, talk_s: int | None = 60) -> None:
        common: dict[str, Any] = {
            "pbx": "pbx-1", "aor": aor(tenant, n), "call_id": f"c{len(self.lines)}", "direction": "outbound", "callee": number,
            "started_at": format_time(at), "source_ip": ip, "device": f"urn:uuid:{tenant}-{n}", "user_agent": "Linphone/5.2",
        }  # fmt: skip
        self.add("call", at, phase="attempt", **common)
        end = at + ring_s * 1000
        if talk_s is not None:
            common["answered_at"] = format_time(end)
            self.add("call", end, phase="answer", **common)
            end += talk_s * 1000
            self.add("call", end, phase="end", **common, ended_at=format_time(end), status=200, ended_by="callee")
        else:
            self.add("call", end, phase="end", **common, ended_at=format_time(end), status=487, ended_by="caller")


def aor(tenant: str, n: int) -> str:
    """Address of record of a customer's n-th licence."""
    return f"{100 + n}@{tenant}.example"


def provider(customers: int = 3, licences: int = 3, days: int = 70, seed: int = 1) -> list[bytes]:
    """Lines of some customers; the first licence of the first one lives abroad, its second one dials without pause on one day."""
    world = Provider(seed)
    dice = world.random
    names = [f"customer-{n}" for n in range(customers)]
    for name in names:
        world.customer(name, licences)
    for day in range(days):
        for which, name in enumerate(names):
            for n in range(licences):
                away = which == 0 and n == 0
                ip = f"5.{1 + day % 2}.0.{10 + n}" if away else f"2.0.{which}.{10 + n}"
                start = START + day * DAY + 8 * HOUR + dice.randrange(HOUR)
                world.registration(name, n, start, ip)
                world.registration(name, n, start + 2 * HOUR, ip, "refresh")
                for _ in range(2):
                    at = start + dice.randrange(6 * HOUR)
                    world.call(name, n, at, ip, f"06{dice.randrange(10**8):08d}", dice.randrange(3, 20), dice.randrange(20, 400))
    for i in range(260):
        answered = i % 7 == 0
        world.call(
            names[0], 1, START + 9 * HOUR + i * 20_000, "2.0.0.11", f"07{i * 7919:08d}", 5 if answered else 15, 4 if answered else None
        )
    world.lines.sort(key=lambda one: json.loads(one)["time"])
    return world.lines


def write(path: Path, lines: list[bytes]) -> Path:
    """Lines as a file."""
    path.write_bytes(b"".join(one + b"\n" for one in lines))
    return path
