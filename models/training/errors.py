"""What can be wrong with a training that was asked for."""

from __future__ import annotations

from streams.errors import UsageError


class RecipeError(UsageError):
    """A recipe says something that cannot be trained. The message names the file, the key and what was expected."""


class TrainingRefused(UsageError):
    """The labels or features cannot give such a model: too few, of another schema, or not worth a review at these costs."""
