"""The published JSON Schemas (draft 2020-12), made from the models of ``streams.contracts``; checked in under ``docs/schemas``."""

from __future__ import annotations

import json
from pathlib import Path

from streams.contracts import INPUTS, OUTPUTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """File name to text of every schema; the same text on every machine.

    >>> sorted(schemas())[:3]
    ['alert.json', 'breaker.json', 'bridge.json']
    """
    texts = {}
    for kind, model in sorted({**INPUTS, **OUTPUTS}.items()):
        schema = model.model_json_schema(by_alias=True, mode="validation")
        schema = {"$schema": DIALECT, "$id": f"urn:vigie:contracts:1:{kind}", **schema}
        texts[f"{kind}.json"] = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return texts


def write(directory: Path) -> list[Path]:
    """Write every schema into a directory, which is made if need be, and remove those of kinds that are no more.

    Returns:
        The files written or removed because they differed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    changed = [directory / name for name in differences(directory)]
    texts = schemas()
    for path in changed:
        if path.name in texts:
            path.write_text(texts[path.name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def differences(directory: Path) -> list[str]:
    """Names of the schemas that are missing from a directory, stale in it, or of no known kind; sorted."""
    texts = schemas()
    there = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name))
