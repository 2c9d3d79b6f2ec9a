"""Plots of an alert as SVG, each with a table that says the same: pure functions of the alert's facts.

Drawn on the server, without a script, a style attribute or anything from another host: they print, they can be tested as text, and
``style.css`` colours them for light and dark. ``by_rule.plots_of`` says which plots an alert has.
"""
