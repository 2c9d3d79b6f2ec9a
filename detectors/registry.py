"""Which rules there are: the files of ``detectors/rules/`` and what other packages offer as entry point ``vigie.detectors``."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from detectors.errors import PolicyError
from detectors.rule import Detector

Detectors = dict[str, Detector[Any, Any]]


@cache
def installed() -> Detectors:
    """Every rule by its id, in the order of ids (the order in which they judge an event).

    Raises:
        PolicyError: two packages offer the same rule id; uninstall one.
    """
    import detectors.rules

    found: Detectors = {}
    for module in pkgutil.iter_modules(detectors.rules.__path__):
        _add(found, import_module(f"detectors.rules.{module.name}").RULE)
    for point in entry_points(group="vigie.detectors"):
        _add(found, point.load())
    return dict(sorted(found.items()))


def _add(found: Detectors, detector: Detector[Any, Any]) -> None:
    if detector.rule in found:
        raise PolicyError(f"rule {detector.rule!r} is offered twice; uninstall one of the packages that define it")
    found[detector.rule] = detector
