"""What a running console is told: its database, where results lie, how it is reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from console.db.engine import Database
from streams.topics import PREFIX

#: The policy that vigie ships with; ``policies`` lies beside this package, in the repo and where it is installed.
DEFAULT_POLICY = Path(__file__).resolve().parents[1] / "policies" / "default.toml"


def wall_clock() -> int:
    """Now, in milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Oidc:
    """A provider of single sign-on.

    Attributes:
        issuer: its URL; ``/.well-known/openid-configuration`` is looked up below it.
        roles_claim: the claim that lists a person's groups.
        roles: our role for each of those groups. Who has none of them gets in, and sees nothing.
        name: what the button says.
    """

    issuer: str
    client_id: str
    client_secret: str
    roles_claim: str = "groups"
    roles: dict[str, str] = field(default_factory=dict)
    name: str = "OpenID Connect"


@dataclass(frozen=True)
class Settings:
    """Everything ``create_app`` needs.

    Attributes:
        origin: how browsers reach the console, ``https://vigie.example`` or ``http://127.0.0.1:8080``. Another host name is
            refused: a page of a stranger whose name resolves to us must not read ours.
        data: the directory of a run, when the console shows one.
        kafka: bootstrap servers, when it is live.
        prefix: in front of every topic's name.
        policy: file of the policy in force until one is published; its relative paths are those of every policy.
        geo: country database of what-ifs; none: the one that the policy names or that is installed.
        history: what what-ifs judge again, instead of the inputs that the run named: ``FILE`` or ``FILE=NAME`` (a source).
        redis: URL of the Redis that counts for rate limits; without it each process counts for itself.
        now: milliseconds UTC; tests hand in a clock they can turn.
    """

    database: Database
    origin: str
    data: Path | None = None
    kafka: str | None = None
    prefix: str = PREFIX
    policy: Path = DEFAULT_POLICY
    geo: Path | None = None
    history: tuple[str, ...] = ()
    redis: str | None = None
    oidc: Oidc | None = None
    now: Callable[[], int] = wall_clock

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """Host and port of the origin, as a browser names them."""
        return urlsplit(self.origin).netloc
