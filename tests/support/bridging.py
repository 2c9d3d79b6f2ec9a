"""A real Kamailio with the gate, phones that are a few lines of SIP, suspension records, and the bridge's process."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError

from pbx.kamailio.enforce import Kamailio as Target
from pbx.kamailio.enforce import connect
from streams.partition import partition_of
from streams.times import format_time
from support.kafka import read
from vigie.dev.process import LOOPBACK, Child, free_port

ROOT = Path(__file__).parents[2]
#: The command alone: a process that is started dozens of times shall not import all others.
COMMAND = [sys.executable, "-c", "import typer; from vigie.bridge import bridge; typer.run(bridge)"]
DOMAIN = "pbx.example"
#: Long, or `kamailio` says nothing of why it does not start.
START_S = 20.0


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Kamailio:
    """``pbx/kamailio/kamailio.cfg`` on loopback addresses; what has no place here goes to ``public``, emergency calls too."""

    def __init__(self, directory: Path, public: str) -> None:
        self.directory = directory
        self.sip, self.rpc_port = free_port(), free_port()
        self._environment = {"VIGIE_DOMAIN": DOMAIN, "VIGIE_PUBLIC": public, "VIGIE_EMERGENCY": public}
        self._child: Child | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child is not None:
            self.kill()

    def start(self) -> float:
        """Start it; gives the instant, monotonic."""
        command = ["kamailio", "-f", str(ROOT / "pbx/kamailio/kamailio.cfg"), "-l", f"udp:{LOOPBACK}:{self.sip}"]
        command += ["-l", f"tcp:{LOOPBACK}:{self.rpc_port}", "-DD", "-E", "-Y", str(self.directory), "-m", "64", "-M", "8"]
        began = time.monotonic()
        with (self.directory / "kamailio.log").open("ab") as log:
            self._child = Child(command, log, self._environment)
        return began

    def kill(self) -> None:
        """``kill -9`` to all of its processes."""
        assert self._child is not None
        own = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self._child.pid)], capture_output=True, text=True, check=False)
        self._child.kill()
        for pid in map(int, own.stdout.split()):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.rpc_port}/rpc"

    @property
    def socket(self) -> str:
        return str(self.directory / "rpc.sock")

    def target(self) -> Target:
        """Orders to it."""
        return connect(self.url, socket=self.socket)

    def rpc(self, method: str, *parameters: Any) -> Any:
        """One command by HTTP; gives its result, or its error."""
        connection = http.client.HTTPConnection(LOOPBACK, self.rpc_port, timeout=5)
        try:
            connection.request("POST", "/rpc", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer.get("result", answer.get("error"))

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.rpc("core.version")
                return
            except OSError:
                assert time.monotonic() < deadline, (self.directory / "kamailio.log").read_text("utf-8", "replace")[-3000:]
                time.sleep(0.02)

    def trunk(self, address: str, aor: str) -> None:
        """What comes from an address is a call of this AoR: no password is asked."""
        self.rpc("htable.sets", "trunks", address, aor)


class Network(threading.Thread):
    """The public network: 2xx to numbers that end with 0, rings at those with 1, else 486. ``log`` are requests it got."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self.log: list[str] = []
        self.start()

    def run(self) -> None:
        """Answer until closed."""
        while True:
            try:
                raw, peer = self._socket.recvfrom(65_536)
            except OSError:
                return
            text = raw.decode("utf-8", "replace")
            method, _, rest = text.partition(" ")
            self.log.append(text.partition("\r\n")[0])
            user = rest.partition("@")[0]
            if method == "INVITE":
                status = "200 OK" if user.endswith(("0", "112")) else "180 Ringing" if user.endswith("1") else "486 Busy Here"
                self._socket.sendto(_answer(text, status, self.address), peer)
            elif method == "CANCEL":
                self._socket.sendto(_answer(text, "200 OK", self.address), peer)
                self._socket.sendto(_answer(text.replace("CSeq: 1 CANCEL", "CSeq: 1 INVITE"), "487 Request Terminated", self.address), peer)
            elif method in ("BYE", "OPTIONS"):
                self._socket.sendto(_answer(text, "200 OK", self.address), peer)

    def close(self) -> None:
        """Answer nobody any more."""
        self._socket.close()


class Phone:
    """Calls from an address of its own; who it is, the PBX knows by that address."""

    def __init__(self, address: str, proxy: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._socket.settimeout(5)
        self._here = "{}:{}".format(*self._socket.getsockname())
        self._proxy = (LOOPBACK, proxy)

    def call(self, number: str) -> str:
        """Call, and give the final answer as text; who answers is acknowledged, and the call is up."""
        call = uuid.uuid4().hex
        request = self._request("INVITE", f"sip:{number}@{DOMAIN}", call, f"<sip:{number}@{DOMAIN}>", branch=f"z9hG4bK{call}")
        self._socket.sendto(request, self._proxy)
        while True:
            answer = self._socket.recv(65_536).decode("utf-8", "replace")
            if f"Call-ID: {call}" not in answer or answer.startswith("SIP/2.0 1"):
                continue
            to = _header(answer, "To")
            if answer.startswith("SIP/2.0 2"):
                contact = re.search(r"<([^>]*)>", _header(answer, "Contact"))
                routes = re.findall(r"^Record-Route: *(.*?)\r$", answer, re.MULTILINE)
                ack = self._request("ACK", contact[1] if contact else "", call, to, f"z9hG4bK{uuid.uuid4().hex}", reversed(routes))
            else:
                ack = self._request("ACK", f"sip:{number}@{DOMAIN}", call, to, f"z9hG4bK{call}")
            self._socket.sendto(ack, self._proxy)
            return answer

    def ring(self, number: str) -> None:
        """Call, and return when it rings."""
        call = uuid.uuid4().hex
        self._socket.sendto(
            self._request("INVITE", f"sip:{number}@{DOMAIN}", call, f"<sip:{number}@{DOMAIN}>", f"z9hG4bK{call}"), self._proxy
        )
        while not self._socket.recv(65_536).startswith(b"SIP/2.0 180"):
            pass

    def refused(self, number: str) -> str:
        """The decision that refuses a call, or nothing."""
        answer = self.call(number)
        return _header(answer, "X-Vigie-Decision") if answer.startswith("SIP/2.0 403") else ""

    def hears(self, begin: str, seconds: float = 10) -> bool:
        """Whether a message that begins so comes; a BYE is answered."""
        self._socket.settimeout(seconds)
        try:
            while True:
                raw, peer = self._socket.recvfrom(65_536)
                text = raw.decode("utf-8", "replace")
                if text.startswith("BYE"):
                    self._socket.sendto(_answer(text, "200 OK", self._here), peer)
                if text.startswith(begin):
                    return True
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(5)

    def close(self) -> None:
        """Hang the phone on its hook."""
        self._socket.close()

    def _request(self, method: str, uri: str, call: str, to: str, branch: str, routes: Iterable[str] = ()) -> bytes:
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {self._here};branch={branch}", *(f"Route: {one}" for one in routes)]
        lines += ["Max-Forwards: 70", f"From: <sip:phone@{DOMAIN}>;tag={call[:8]}", f"To: {to}", f"Call-ID: {call}", f"CSeq: 1 {method}"]
        lines += [f"Contact: <sip:phone@{self._here}>", "Content-Length: 0", "", ""]
        return "\r\n".join(lines).encode()


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE)
    return found[1] if found else ""


def _answer(request: str, status: str, here: str) -> bytes:
    kept = [line for line in request.split("\r\n") if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:", "Record-Route:"))]
    to = _header(request, "To")
    kept.append(f"To: {to if ';tag=' in to else to + ';tag=' + uuid.uuid4().hex[:8]}")
    return "\r\n".join([f"SIP/2.0 {status}", *kept, f"Contact: <sip:network@{here}>", "Content-Length: 0", "", ""]).encode()


def record(licence: str = "101", sequence: int = 1, *, tenant: str = "acme", by: str = "policy", **more: Any) -> dict[str, Any]:
    """A suspension record as detection writes it; active and automatic unless said otherwise."""
    active = more.get("state", "active") == "active"
    restrictions = more.get("restrictions", ["outgoing"]) if active else []
    rule = more.pop("rule", "autodial")
    cause = {
        "alert_id": f"al-{licence}", "rule": rule, "clause": "5.d", "restrictions": restrictions, "mode": "auto",
        "decided_by": by, "measured": 201, "limit": 200, "review_by": None, "until": None, "prefixes": [],
    }  # fmt: skip
    one = {
        "kind": "suspension", "v": 1, "epoch": 1, "sequence": sequence, "decision_id": f"de-{tenant}-{licence}-{sequence}",
        "state": "active", "tenant": tenant, "licence": licence, "aors": [f"u{licence}@{DOMAIN}"], "aors_removed": [],
        "restrictions": restrictions, "prefixes": [], "emergency_allowed": True, "causes": [cause] if active else [],
        "home_prefixes": ["+33", "+262"], "allowed_numbers": ["+33100000000"], "customer_code": f"V{licence}",
        "issued_at": format_time(wall_ms()), "policy_version": "p1",
    }  # fmt: skip
    return one | more


def lifted(licence: str = "101", sequence: int = 2, **more: Any) -> dict[str, Any]:
    """A lift."""
    return record(licence, sequence, state="lifted", **more)


class BridgeProcess:
    """``vigie bridge`` for one Kamailio; ``log`` is what it prints."""

    def __init__(self, bootstrap: str, prefix: str, kamailio: Kamailio, directory: Path, *options: str) -> None:
        self._port = free_port()
        self._bootstrap, self._prefix = bootstrap, prefix
        self.log = directory / f"bridge-{self._port}.log"
        command = [*COMMAND, "--pbx", "kamailio", "--name", "edge", "--target", kamailio.url, "--option", f"socket={kamailio.socket}"]
        command += ["--bootstrap", bootstrap, "--prefix", prefix, "--snapshot", str(directory / "snapshot.json")]
        command += ["--metrics-port", str(self._port), *options]
        with self.log.open("wb") as out:
            self.child = Child(command, out, {"PYTHONUNBUFFERED": "1"})

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of its metrics server; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def ready(self) -> bool:
        """Whether everything stands."""
        return self.get("/ready")[0] == 200

    def receipts(self) -> list[dict[str, Any]]:
        """Receipts it has published, in order of the partition."""
        return [one for one in self._said() if one["kind"] == "receipt"]

    def statuses(self) -> dict[str, list[str]]:
        """Statuses by decision."""
        found: dict[str, list[str]] = {}
        for one in self.receipts():
            found.setdefault(one["decision_id"], []).append(one["status"])
        return found

    def heartbeat(self) -> dict[str, Any]:
        """The last heartbeat."""
        return [one for one in self._said() if one["kind"] == "heartbeat"][-1]

    def _said(self) -> list[dict[str, Any]]:
        return [json.loads(one.value or b"") for one in read(self._bootstrap, f"{self._prefix}applied")]

    def until(self, what: Callable[[], object], most_s: float = 30) -> float:
        """Seconds until it is so; fails with what the bridge printed."""
        began = time.monotonic()
        while not what():
            text = self.log.read_text("utf-8", "replace")[-4000:]
            assert time.monotonic() - began < most_s, f"not within {most_s} s; ready: {self.get('/ready')}\n{text}"
            assert self.child.status() is None, text
            time.sleep(0.02)
        return time.monotonic() - began


def key_of(one: dict[str, Any]) -> bytes:
    return f"{one['tenant']}/{one['licence']}".encode()


def placed(producer: Any, prefix: str, one: dict[str, Any], partitions: int) -> Any:
    """Send a record where detection puts it."""
    value = json.dumps(one, separators=(",", ":")).encode()
    return producer.send(f"{prefix}suspensions", value, key=key_of(one), partition=partition_of(one["tenant"], partitions))
