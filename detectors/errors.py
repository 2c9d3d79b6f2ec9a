"""Every error the core raises.

    VigieError
    ├── PolicyError      a policy file says something no rule understands
    ├── StateError       stored state cannot be read (newer version, damaged bytes)
    └── ContractError    an event says something the contracts do not allow

Hosts add their own below ``VigieError`` (see ``streams.errors``), so one ``except VigieError`` at the edge is enough.
"""


class VigieError(Exception):
    """Root of every error that vigie raises on purpose; its message says what to do."""


class PolicyError(VigieError):
    """A policy is not usable. The message names the table, the key and what was expected."""


class StateError(VigieError):
    """Stored state is damaged or was written by a newer vigie. Never guessed at: detection stops instead."""


class ContractError(VigieError):
    """An event contradicts the contracts or the account facts in force; it becomes one dead letter."""
