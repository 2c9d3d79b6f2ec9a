"""The measures of a dialling machine: spans, signs, tallies."""
