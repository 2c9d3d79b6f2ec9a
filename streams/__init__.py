"""Moves bytes: contracts, ingest, frames and the hosts that feed the core."""
