"""A real Kamailio whose gate knows the numbering, an emergency service that answers everybody, and sipp."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from pbx.bridge.target import Entry
from pbx.kamailio.table import encode
from streams.emergency import EMERGENCY_NUMBERS
from streams.numbers_export import number_table, rendered
from support.bridging import DOMAIN, ROOT, Kamailio, Network, Phone, _answer
from vigie.dev.process import LOOPBACK, Child

SCENARIOS = Path(__file__).parents[1] / "pbx" / "fixtures" / "sipp"
#: As people dial them: bare, as a number of France, behind the 0 for an outside line.
EMERGENCY_FORMS = tuple(form for code in EMERGENCY_NUMBERS for form in (code, f"+33{code}", f"0033{code}", f"0{code}"))
PASSWORD = "not-a-secret"


class Answering(Network):
    """Answers whoever calls; ``log`` are the requests it got."""

    def run(self) -> None:
        """Answer until closed."""
        while True:
            try:
                raw, peer = self._socket.recvfrom(65_536)
            except OSError:
                return
            text = raw.decode("utf-8", "replace")
            self.log.append(text.partition("\r\n")[0])
            if not text.startswith("ACK"):
                self._socket.sendto(_answer(text, "200 OK", self.address), peer)


class Gate(Kamailio):
    """``pbx/kamailio`` beside a table of numbers, as an operator installs it, and everything around it."""

    def __init__(self, directory: Path, policy: dict[str, Any] | None = None, public: Network | None = None) -> None:
        self.public, self.emergency = public or Answering(), Answering()
        super().__init__(directory, self.public.address)
        self._environment["VIGIE_EMERGENCY"] = self.emergency.address
        self.config = directory / "config"
        shutil.copytree(ROOT / "pbx/kamailio", self.config, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        if policy is None:
            policy = tomllib.loads((ROOT / "policies/default.toml").read_text("utf-8"))
        (self.config / "numbers.cfg").write_text(rendered(number_table(policy, ROOT / "policies"), "kamailio"), "utf-8")
        self._made = 0

    def start(self) -> float:
        """Start it and wait until it answers."""
        command = ["kamailio", "-f", str(self.config / "kamailio.cfg"), "-l", f"udp:{LOOPBACK}:{self.sip}"]
        command += ["-l", f"tcp:{LOOPBACK}:{self.rpc_port}", "-DD", "-E", "-Y", str(self.directory), "-m", "64", "-M", "8"]
        with (self.directory / "kamailio.log").open("ab") as log:
            self._child = Child(command, log, self._environment)
        self.wait()
        return 0.0

    def close(self) -> None:
        """Let go of the networks."""
        self.public.close()
        self.emergency.close()

    # -- what stands ---------------------------------------------------------------------------------------------------------

    def suspend(self, aor: str, *restrictions: str, **more: Any) -> Entry:
        """Write an entry as the bridge does."""
        one = Entry(
            aor=aor, decision_id="de-1", customer_code="V1", restrictions=restrictions,
            **{"home_prefixes": ("+33", "+590", "+262"), "allowed_numbers": ("+33100000000",), **more},
        )  # fmt: skip
        self.rpc("htable.sets", "suspended", aor, encode(one))
        return one

    def lift(self, aor: str) -> None:
        """Take it away."""
        self.rpc("htable.delete", "suspended", aor)

    def account(self, *users: str) -> None:
        """Users with a password."""
        for user in users:
            self.rpc("htable.sets", "creds", user, PASSWORD)

    def phone(self, address: str, aor: str) -> Phone:
        """A phone that is known by its address."""
        self.trunk(address, aor)
        return Phone(address, self.sip)

    def log(self) -> str:
        """What Kamailio wrote."""
        return (self.directory / "kamailio.log").read_text("utf-8", "replace")

    def events(self) -> list[bytes]:
        """The event lines so far."""
        return [line for line in self.log().encode().splitlines() if b"EVT {" in line]

    # -- sipp ----------------------------------------------------------------------------------------------------------------

    def sipp(self, scenario: str, address: str, port: int, **keys: str) -> subprocess.Popen[bytes]:
        """Start one run of a scenario; ``verdict`` waits for it. A key ``service`` is the
        number called, ``account`` whose credentials are shown if not ``user``'s."""
        self._made += 1
        own = self.directory / f"{self._made}-{scenario}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            control = probe.getsockname()[1]
        command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", str(port), "-mi", address, "-ci", address]
        command += [
            "-cp",
            str(control),
            "-m",
            "1",
            "-nostdin",
            "-timeout",
            "20s",
            "-timeout_error",
            "-trace_err",
            "-error_file",
            f"{own}.err",
        ]
        account = keys.pop("account", keys.get("user", "nobody"))
        command += ["-s", keys.pop("service", "nobody"), "-au", account, "-ap", PASSWORD]
        for key, value in {"domain": DOMAIN, "public": self.public.address, **keys}.items():
            command += ["-key", key, value]
        with Path(f"{own}.out").open("wb") as out:
            return subprocess.Popen(
                [*command, f"{LOOPBACK}:{self.sip}"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.directory
            )

    def verdict(self, run: subprocess.Popen[bytes]) -> None:
        """Fail with what sipp wrote unless its scenario ran as it stands."""
        status = run.wait(40)
        if status != 0:
            errors = "\n".join(path.read_text("utf-8", "replace")[-2500:] for path in sorted(self.directory.glob("*.err"))[-3:])
            raise AssertionError(f"sipp ended with {status}: {run.args!r}\n{errors}\n{self.log()[-3000:]}")
