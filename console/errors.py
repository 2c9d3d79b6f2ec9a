"""What the console raises on purpose."""

from __future__ import annotations

from detectors.errors import VigieError


class ConsoleError(VigieError):
    """Root of the console's errors; the command line ends with ``exit_status``."""

    exit_status = 3


class DatabaseError(ConsoleError):
    """The database cannot be used: not reachable, or its schema is newer than this vigie."""


class AuditError(ConsoleError):
    """The audit log does not hold together; the message names the first row that does not."""

    exit_status = 1
