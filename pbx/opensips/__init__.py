"""OpenSIPS: events of its event interface."""
