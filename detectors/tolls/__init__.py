"""Measures of ``toll-fraud``: what a customer is used to, and what a burst of calls to new destinations adds up to."""
