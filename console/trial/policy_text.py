"""Policies as text: a key changed without touching the comments beside it, and what differs between two of them."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import ConsoleError
from detectors.errors import PolicyError
from detectors.policy import HOST_TABLES, Policy
from detectors.registry import installed
from streams.host_policy import geo_table, number_table

#: A value of one line and what follows it; a "#" inside quotes is no comment.
_VALUE = r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^#\n]*?)(?P<rest>[ \t]*(?:#[^\n]*)?)$"""


class PolicyTextError(ConsoleError):
    """A policy's text is no policy, or is written so that a form cannot change it."""


@dataclass(frozen=True)
class Difference:
    """A line of a comparison: ``sign`` is ``+``, ``-``, a blank (unchanged) or ``@`` (lines left out)."""

    sign: str
    text: str


def parsed(text: str) -> dict[str, Any]:
    """A policy's table.

    Raises:
        PolicyTextError: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyTextError(f"no TOML: {error}") from None


def checked(text: str) -> tuple[dict[str, Any], str]:
    """A policy's table and its ``policy_version``, once the rules that are installed accept it.

    Raises:
        PolicyTextError: it is no TOML, or names a rule, key or value that the rules refuse.
    """
    body = parsed(text)
    try:
        return body, Policy(body, installed()).merged("", "").version
    except (PolicyError, ValueError) as error:
        raise PolicyTextError(str(error)) from None


def with_keys(text: str, rule: str, keys: Mapping[str, int | str]) -> str:
    r"""The text with keys of a rule's table set; comments, order and all else stay as they were written.

    Raises:
        PolicyTextError: the table is written in a way that cannot be changed line by line.

    >>> with_keys('[rules.autodial]\nrun_warn = 5  # ours\n\n[geo]', "autodial", {"run_warn": 6, "mode": "shadow"})
    '[rules.autodial]\nrun_warn = 6  # ours\nmode = "shadow"\n\n[geo]'
    """
    lines = text.split("\n")
    heading = re.compile(rf"""\s*\[\s*rules\s*\.\s*["']?{re.escape(rule)}["']?\s*\]\s*(?:#.*)?$""")
    begin = next((number for number, line in enumerate(lines) if heading.match(line)), None)
    if begin is None:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += ["", f"[rules.{rule}]", ""]
        begin = len(lines) - 2
    for key, value in keys.items():
        end = next((number for number in range(begin + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines))
        line_of_key = re.compile(rf"(?P<head>\s*{re.escape(key)}\s*=\s*){_VALUE}")
        for number in range(begin + 1, end):
            if found := line_of_key.match(lines[number]):
                written = json.dumps(value, ensure_ascii=False)
                # The comments of a table stand in one column; a number that grew by a digit takes a blank away.
                blanks = len(found["value"]) - len(written)
                rest = found["rest"]
                if rest.strip():
                    comment = rest.lstrip()
                    rest = " " * max(1, len(rest) - len(comment) + blanks) + comment
                lines[number] = f"{found['head']}{written}{rest}"
                break
        else:
            while end > begin + 1 and not lines[end - 1].strip():
                end -= 1
            lines.insert(end, f"{key} = {json.dumps(value, ensure_ascii=False)}")
    changed = "\n".join(lines)
    try:
        table = parsed(changed).get("rules", {}).get(rule, {})
    except PolicyTextError:
        table = {}
    if any(table.get(key) != value for key, value in keys.items()):
        raise PolicyTextError(f"[rules.{rule}] is written so that single keys cannot be set; edit the file")
    return changed


def named_files(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Files that ``[geo]`` and ``[numbers]`` name: the key's place, and the path as it is written.

    Raises:
        VigieError: one of the tables is wrong.
    """
    geo, numbers = geo_table(dict(body)), number_table(dict(body))
    named = [("[geo] country_db", geo.country_db), ("[geo] second_db", geo.second_db), ("[numbers] rates", numbers.rates)]
    named += [("[geo] network_lists", one.file) for one in geo.network_lists]
    return [(where, path) for where, path in named if path]


def with_whole_paths(text: str, base: Path) -> str:
    r"""The text with every file named by its whole path, so that it means the same wherever it lies.

    Args:
        text: a policy.
        base: the directory that its paths are relative to.

    Raises:
        VigieError: it is no TOML, one of the tables is wrong, or a path is written so that it cannot be replaced.

    >>> with_whole_paths('[numbers]\nrates = "tariff.csv"  # of May\n', Path("/etc/vigie"))
    '[numbers]\nrates = "/etc/vigie/tariff.csv"  # of May\n'
    """
    relative = {path for _, path in named_files(parsed(text)) if not Path(path).is_absolute()}
    changed = text
    for path in sorted(relative):
        written = "|".join(re.escape(one) for one in (json.dumps(path, ensure_ascii=False), f"'{path}'"))
        whole = json.dumps(str(base.absolute() / path), ensure_ascii=False)
        found = re.compile(rf"(?P<key>\b(?:country_db|second_db|rates|file)[\"']?[ \t]*=[ \t]*)(?:{written})")
        changed = found.sub(lambda match, whole=whole: match["key"] + whole, changed)  # type: ignore[misc]
    for where, path in named_files(parsed(changed)):
        if not Path(path).is_absolute():
            raise PolicyTextError(f"{where}: {path} is a path relative to {base}; give the whole one, for published policies lie elsewhere")
    return changed


def host_tables(old: str, new: str) -> list[str]:
    """Tables that hosts read from files of their own, and that differ between two policies."""
    one, other = parsed(old), parsed(new)
    return [name for name in HOST_TABLES if one.get(name) != other.get(name)]


def differences(old: str, new: str) -> list[Difference]:
    """What changed between two texts, each change with the two lines around it."""
    found = []
    for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]:
        found.append(Difference("@", line.split("@@")[1].strip()) if line.startswith("@@") else Difference(line[0], line[1:]))
    return found
