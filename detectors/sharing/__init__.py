"""The measures of licence sharing: overlaps, devices, distances, the customer as a whole."""
