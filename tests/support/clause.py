"""A clause of the contract judged end to end: lines of one provider, through the real ``vigie run``, and what it wrote.

    clause = Clause(tmp_path)
    clause.call("101", "2026-03-02 09:00", "+33612345678", talk_s=60)
    assert clause.judge().alerts("autodial") == []

Addresses of 2.0.0.0/16 and 2.1.0.0/16 are French, those of 5.1.0.0/16 and 5.2.0.0/16 Swiss (``files.NETWORKS``). A tenant or
a licence that is used but never stated gets the default facts, so a test states only what its clause turns on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from streams.outputs import ALERTS, DEAD_LETTERS, METERING, SUMMARY, SUSPENSIONS
from streams.times import format_time
from support.core import ms
from support.files import database, line
from vigie.cli import app

TENANT = "acme"
#: Facts hold from long before any traffic.
FACTS_AT = "2024-01-01 00:00"
HOME_IP = "2.0.0.10"


class Outcome:
    """What one run wrote, as on the wire."""

    def __init__(self, directory: Path, text: str) -> None:
        self.directory, self.text = directory, text
        self.summary: dict[str, Any] = json.loads((directory / SUMMARY).read_bytes())

    def _read(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(one) for one in (self.directory / name).read_bytes().splitlines()]

    def alerts(self, rule: str | None = None, level: str | None = None, licence: str | None = None) -> list[dict[str, Any]]:
        """Statements of alerts, in order; audit samples are left out unless that level is asked for."""
        return [
            one for one in self._read(ALERTS)
            if one["kind"] == "alert" and rule in (None, one["rule"]) and licence in (None, one["licence"])
            and (one["level"] == level if level else one["level"] != "audit")
        ]  # fmt: skip

    def suspensions(self, licence: str | None = None) -> list[dict[str, Any]]:
        """Records of restrictions, in order."""
        return [one for one in self._read(SUSPENSIONS) if licence in (None, one["licence"])]

    def metering(self) -> list[dict[str, Any]]:
        """Records of what billing may re-rate, in order."""
        return self._read(METERING)

    def dead_letters(self) -> list[dict[str, Any]]:
        """What was refused."""
        return self._read(DEAD_LETTERS)


class Clause:
    """Writes the lines of a small provider and has them judged by the command itself.

    Args:
        directory: where files of the runs go, such as ``tmp_path``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines: list[tuple[int, bytes]] = []
        self.known: set[tuple[str, str]] = set()
        self.used: dict[tuple[str, str], None] = {}
        self.runs = 0

    def line(self, kind: str, at: str | int, **fields: Any) -> Clause:
        """Any contract line; its ``id`` is made unless given."""
        fields.setdefault("id", f"{kind[:2]}{len(self.lines)}")
        self.lines.append((ms(at), line(kind, ms(at), **fields)))
        return self

    def tenant(self, tenant: str = TENANT, at: str | int = FACTS_AT, **fields: Any) -> Clause:
        """Account facts of a customer: unlimited, ten softphones billed at 20 € a month each unless stated."""
        self.known.add((tenant, ""))
        given = {"name": tenant, "offer": "unlimited", "softphones_billed": 10, "monthly_fee_cents": 20_000} | fields
        return self.line("tenant", at, tenant=tenant, **given)

    def licence(self, licence: str, tenant: str = TENANT, at: str | int = FACTS_AT, **fields: Any) -> Clause:
        """Account facts of a licence: a softphone with a number of its own unless stated."""
        self.known.add((tenant, licence))
        given = {"type": "softphone", "aors": [aor(licence, tenant)], "numbers": [own_number(licence)]} | fields
        return self.line("licence", at, tenant=tenant, licence=licence, **given)

    def registration(
        self, licence: str, at: str | int, action: str = "register", ip: str = HOME_IP, device: str | None = None,
        agent: str = "Linphone/5.2", tenant: str = TENANT, expires_s: int = 3600, **fields: Any,
    ) -> Clause:  # fmt: skip
        """A REGISTER of a licence from ``ip``; the device is the licence's own unless given (an empty text: none is known)."""
        given = self._usage(licence, tenant) | {
            "action": action, "expires_s": expires_s, "status": 401 if action == "failed" else 200, "source_port": 5060,
            "transport": "udp", **self._phone(licence, tenant, ip, device, agent), **fields,
        }  # fmt: skip
        return self.line("registration", at, **given)

    def call(
        self, licence: str, at: str | int, to: str = "+33612345678", talk_s: float | None = 60, ring_s: float = 5,
        direction: str = "outbound", cdr: bool = False, ip: str = HOME_IP, device: str | None = None, agent: str = "Linphone/5.2",
        tenant: str = TENANT, **fields: Any,
    ) -> Clause:  # fmt: skip
        """A call of a licence with the number ``to`` (inbound: from it), as its phases or as one CDR.

        Args:
            licence: who calls, or is called.
            at: when it begins.
            to: the other number.
            talk_s: seconds from answer to end; None: nobody answers, and the caller hangs up after ``ring_s``.
            ring_s: seconds before the answer.
            direction: as in the contract; ``internal`` takes ``callee_licence`` among the fields.
            cdr: one record with everything instead of attempt, answer and end.
            ip: address of the licence's phone.
            device: instance id of that phone; by default one per licence, none for an empty text.
            agent: User-Agent of that phone.
            tenant: whose licence.
            fields: contract fields, over all of these.
        """
        start = ms(at)
        answer = None if talk_s is None else start + round(ring_s * 1000)
        end = start + round(ring_s * 1000) if answer is None else answer + round((talk_s or 0) * 1000)
        phone = self._phone(licence, tenant, ip, device, agent)
        common = self._usage(licence, tenant) | {"call_id": f"call-{len(self.lines)}", "direction": direction}
        answered = {} if answer is None else {"answered_at": format_time(answer)}
        if direction == "inbound":
            common |= {"caller": to, "callee": own_number(licence)}
            if answer is not None:
                answered |= {"answered_device": phone["device"], "answered_contact": phone["contact"]}
                answered |= {"answered_user_agent": agent, "answered_ip": ip}
        else:
            common |= {"caller": own_number(licence), "callee": to, **phone}
        common |= {"started_at": format_time(start)} | fields
        finish: dict[str, Any] = {"ended_at": format_time(end), "status": 487 if answer is None else 200, "ended_by": "caller"}
        whole = {**answered, **finish, **common}
        if cdr:
            return self.line("call", end, phase="cdr", **whole)
        early = {key: value for key, value in common.items() if key not in {"status", "cause", "ended_by"}}
        self.line("call", start, phase="attempt", **early)
        if answer is not None:
            self.line("call", answer, phase="answer", **{**answered, **early})
        return self.line("call", end, phase="end", **whole)

    def message(self, licence: str, at: str | int, to: str, media: str = "text", tenant: str = TENANT, **fields: Any) -> Clause:
        """A message of a licence to the number ``to``."""
        return self.line(
            "message", at, **self._usage(licence, tenant), **({"caller": own_number(licence), "callee": to, "media": media} | fields)
        )

    def judge(self, until: str | int | None = None, policy: Mapping[str, Any] | None = None) -> Outcome:
        """Run the command over everything written so far.

        Args:
            until: fire the timers due up to this instant, since the end of a file fires none.
            policy: tables of a policy, such as ``{"rules": {"autodial": {"mode": "auto"}}}``; by default the one that ships.
        """
        self._state_the_rest()
        self.runs += 1
        out = self.directory / f"out-{self.runs}"
        source, geo = self.directory / f"in-{self.runs}.jsonl", self.directory / "geo.mmdb"
        source.write_bytes(b"".join(text + b"\n" for _, text in sorted(self.lines, key=lambda one: one[0])))
        if not geo.exists():
            database(geo)
        arguments = ["run", str(source), "--out", str(out), "--geo", str(geo)]
        if until is not None:
            arguments += ["--until", format_time(ms(until))]
        if policy is not None:
            chosen = self.directory / f"policy-{self.runs}.toml"
            chosen.write_text("".join(toml(policy)), "utf-8")
            arguments += ["--policy", str(chosen)]
        done = CliRunner().invoke(app, arguments, env={"VIGIE_HOME": str(self.directory / "home")}, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        outcome = Outcome(out, done.output)
        refused = outcome.dead_letters()
        assert not refused, f"a line was refused: {refused[0]}"
        return outcome

    def _usage(self, licence: str, tenant: str) -> dict[str, Any]:
        self.used[tenant, licence] = None
        return {"pbx": "pbx-1", "tenant": tenant, "licence": licence, "aor": aor(licence, tenant)}

    def _phone(self, licence: str, tenant: str, ip: str, device: str | None, agent: str) -> dict[str, Any]:
        own = f"urn:uuid:{tenant}-{licence}" if device is None else device or None
        return {"device": own, "contact": f"sip:{licence}@{ip}", "user_agent": agent, "source_ip": ip}

    def _state_the_rest(self) -> None:
        for tenant, licence in self.used:
            if (tenant, "") not in self.known:
                self.tenant(tenant)
            if (tenant, licence) not in self.known:
                self.licence(licence, tenant)


def aor(licence: str, tenant: str = TENANT) -> str:
    """Address of record of a licence."""
    return f"{licence}@{tenant}.example"


def own_number(licence: str) -> str:
    """Number of a licence, in a French geographic range."""
    digits = "".join(c for c in licence if c.isdigit())
    return f"+331709{digits.zfill(5)[-5:]}"


def toml(tables: Mapping[str, Any], path: str = "") -> list[str]:
    """Tables as TOML: a basic string, a number, a boolean and a list of them look as in JSON."""
    written = [f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in tables.items() if not isinstance(value, Mapping)]
    for key, value in tables.items():
        if isinstance(value, Mapping):
            name = f"{path}.{json.dumps(key)}" if path else json.dumps(key)
            written += [f"[{name}]\n", *toml(value, name)]
    return written
