"""Who is told what, read from a TOML file.

    origin = "https://vigie.example"       # links in messages
    language = "fr"

    [mail]                                 # needed by channels of kind "email"
    host = "smtp.example"
    port = 587
    from = "vigie@example.com"
    reply_to = "support@example.com"       # where customers answer a notice, if not to "from"
    tls = "starttls"                       # or "tls", or "none"
    login = "vigie"
    password_file = "/run/secrets/smtp"

    [channels.team]
    kind = "email"
    to = ["fraud@example.com"]

    [channels.pager]
    kind = "webhook"
    url = "https://pager.example/hook"
    secret_file = "/run/secrets/hook"      # signs each message, if given

    [[routes]]
    on = ["restriction", "breaker", "receipt"]
    rules = ["toll-fraud"]                 # those alone; without it all, and what belongs to no rule
    to = ["team"]
    quiet = { from = "22:00", to = "07:00", zone = "Europe/Paris" }
    escalate = { after_minutes = 15, to = ["pager"] }

Quiet hours hold back the first message of a route, never an escalation.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from console.errors import ConsoleError

#: An automatic restriction, a customer's circuit breaker that opened, a receipt that is missing.
Kind = Literal["restriction", "breaker", "receipt"]


class ConfigError(ConsoleError):
    """The file cannot be used; the message names the key."""

    exit_status = 2


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mail(_Part):
    """The server that takes e-mail."""

    host: str
    port: int = Field(587, ge=1, le=65_535)
    from_: str = Field(alias="from")
    #: Where customers answer a notice, if not to ``from``.
    reply_to: str = ""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    login: str = ""
    password_file: Path | None = None


class Channel(_Part):
    """A way to somebody."""

    kind: Literal["email", "webhook"]
    to: list[str] = []
    url: str = ""
    secret_file: Path | None = None

    @model_validator(mode="after")
    def _has_an_address(self) -> Channel:
        if self.kind == "email" and not self.to:
            raise ValueError("to: an e-mail needs at least one address")
        if self.kind == "webhook" and urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError("url: a webhook needs an http:// or https:// address")
        return self


class Quiet(_Part):
    """Hours in which nobody is woken; what happens then is told when they end."""

    from_: time = Field(alias="from")
    to: time
    zone: str = "Europe/Paris"

    @field_validator("zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"no time zone is called {name!r}") from None
        return name

    def until(self, now: int) -> int:
        """When a message of now (ms) may go: now, or the end of the quiet hours that it falls into."""
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(now / 1000, zone)
        at = local.time()
        overnight = self.from_ > self.to
        quiet = (at >= self.from_ or at < self.to) if overnight else self.from_ <= at < self.to
        if not quiet:
            return now
        day = local.date() + timedelta(days=1 if overnight and at >= self.from_ else 0)
        end = datetime.combine(day, self.to, zone).astimezone(UTC)
        return round(end.timestamp() * 1000)


class Escalate(_Part):
    """Whom to tell when nobody took it up."""

    after_minutes: int = Field(ge=1)
    to: list[str] = Field(min_length=1)


class Route(_Part):
    """What is told to whom."""

    on: list[Kind] = Field(min_length=1)
    rules: list[str] | None = None
    to: list[str] = Field(min_length=1)
    quiet: Quiet | None = None
    escalate: Escalate | None = None

    def takes(self, kind: str, rule: str | None) -> bool:
        """Whether something of a kind and a rule goes this way."""
        return kind in self.on and (self.rules is None or rule in self.rules)


class Config(_Part):
    """The whole file."""

    origin: str
    language: Literal["fr", "en"] = "fr"
    mail: Mail | None = None
    channels: dict[str, Channel]
    routes: list[Route] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Config:
        for route in self.routes:
            for name in [*route.to, *(route.escalate.to if route.escalate else [])]:
                if name not in self.channels:
                    raise ValueError(f"routes: no channel is called {name!r}; there are {', '.join(sorted(self.channels))}")
        if self.mail is None and any(channel.kind == "email" for channel in self.channels.values()):
            raise ValueError("mail: channels of kind email need [mail] with host and from")
        return self


@dataclass(frozen=True)
class Secrets:
    """What the files hold: the mail server's password, and each webhook's key."""

    mail: str
    hooks: dict[str, bytes]


def load(path: Path) -> tuple[Config, Secrets]:
    """Read the file and the secrets that it names.

    Raises:
        ConfigError: it cannot be read or used.
    """
    try:
        config = Config.model_validate(tomllib.loads(path.read_text("utf-8")))
        password = config.mail.password_file.read_text("utf-8").strip() if config.mail and config.mail.password_file else ""
        hooks = {name: one.secret_file.read_bytes().strip() for name, one in config.channels.items() if one.secret_file}
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read ({error.strerror}); check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no TOML ({error})") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}") from None
    return config, Secrets(password, hooks)
