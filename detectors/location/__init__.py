"""Where a licence is, day by day: evidence, calendar, shared networks, distances."""
