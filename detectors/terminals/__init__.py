"""Terminals and where they stand: approved user agents, networks of a customer's sites."""
