"""Why a model, a key or a move of the registry is not taken. Every message is one line that says what to do.

VigieError
├── ModelRefused          a model is not loaded (exit status 3)
│   ├── ModelMissing      there is no such model, or a file of it is not there
│   ├── ModelAltered      bytes are not the ones that were signed: cut, changed, added
│   ├── ModelUnsigned     no signature of a publisher in force
│   ├── ModelForeign      made with other libraries, features or another format than ours
│   ├── ModelForbidden    holds a type that models are not made of
│   └── ScoringFailed     a loaded model gave something that is no score, or was asked about something that is no row
├── KeyRefused            a key file or the list of publishers cannot be used (exit status 2)
├── MoveRefused           a promotion, approval or rollback that the rules do not allow (exit status 2)
└── RegistryDamaged       the history of moves does not hold together; nothing is believed of it (exit status 3)
"""

from __future__ import annotations

from detectors.errors import VigieError


class ModelRefused(VigieError):
    """A model is not loaded. The message names it, the reason and what to do."""

    exit_status = 3


class ModelMissing(ModelRefused):
    """There is no such model in the registry, or one of its files is not there."""


class ModelAltered(ModelRefused):
    """A file is not the one that the manifest was signed for."""


class ModelUnsigned(ModelRefused):
    """No publisher in force signed the manifest."""


class ModelForeign(ModelRefused):
    """The model was made with other libraries or features, or in a format that this vigie does not read."""


class ModelForbidden(ModelRefused):
    """The model's file wants to make an object of a type that is not on the list."""


class ScoringFailed(ModelRefused):
    """Rows have not the model's shape, or a score is not a number."""


class KeyRefused(VigieError):
    """A private key or ``publishers.toml`` cannot be used. The message names the file."""

    exit_status = 2


class MoveRefused(VigieError):
    """What was asked of the registry is not allowed now. The message says what is missing."""

    exit_status = 2


class RegistryDamaged(VigieError):
    """A line of the history of moves was changed, cut or is not signed as its kind demands."""

    exit_status = 3
