"""From suspensions to a PBX: what must be refused for each AoR, and the orders that make a PBX refuse it."""
