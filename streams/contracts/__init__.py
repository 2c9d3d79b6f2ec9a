"""The wire contracts as pydantic models: the source of the published schemas and of every refusal's reason.

The hot path reads with ``streams.wire``; a property test proves that both accept the same objects.
"""

from streams.contracts.inputs import INPUTS
from streams.contracts.outputs import OUTPUTS
from streams.contracts.verdict import refusal

__all__ = ["INPUTS", "OUTPUTS", "refusal"]
