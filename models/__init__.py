"""Learns from judged alerts: features, training, scoring."""
