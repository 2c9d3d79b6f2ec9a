"""What the two abroad rules share: stays, calendars, facts."""
