"""Every error the hosts raise, below the core's own.

VigieError (detectors.errors)
├── ContractError
│   └── ContractRefused    one record is not what the contracts allow: one dead letter, the stream goes on
├── InputUnreadable        an input file cannot be opened, decompressed or read to its end (exit status 3)
└── UsageError             the command was asked for something impossible (exit status 2)
"""

from __future__ import annotations

from detectors.errors import ContractError, VigieError


class ContractRefused(ContractError):
    """A record was refused; ``str()`` is one line that names the field and what was expected.

    Args:
        message: the reason.
        error: the class of the reason, for dead letters and their counts: ``too_large not_json not_an_object unknown_kind
            unknown_version bad_field``.
    """

    def __init__(self, message: str, error: str = "bad_field") -> None:
        super().__init__(message)
        self.error = error


class InputUnreadable(VigieError):
    """An input could not be read. The message names it and says what to do; the command ends with ``exit_status``."""

    exit_status = 3


class UsageError(VigieError):
    """What was asked for cannot be done. The message says how to ask; the command ends with ``exit_status``."""

    exit_status = 2
