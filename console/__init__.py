"""The fraud team's console: judge an alert in half a minute, without a mouse, and see the telephone system obey."""
