"""Recipes that ship with vigie: one for each model that ``vigie train`` makes."""
