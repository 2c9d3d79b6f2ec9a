"""The core: every decision of vigie, as a pure function of a partition's log."""
