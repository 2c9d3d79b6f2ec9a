"""The measures of a call centre: talk, working days, signs, the customer as a whole."""
