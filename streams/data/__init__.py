"""Tables that are checked in: numbering plans and the like, each row with its source."""
