"""Reviewing: the queue, leases, decisions with their second person and undo, notices. No web in here."""
