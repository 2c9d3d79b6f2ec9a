"""Asks the models that are in force about closed days: scores, and in words why the high ones are high."""
