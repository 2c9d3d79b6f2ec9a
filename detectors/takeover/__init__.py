"""What tells a stolen account: failed registrations, who gets in after them, and what that phone then calls."""
