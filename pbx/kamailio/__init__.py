"""Kamailio: event lines in, and the configuration that makes a Kamailio write them."""
