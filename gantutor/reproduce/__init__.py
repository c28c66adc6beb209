"""Reproduction of the papers: targets and claims, runs and the grid, the report and the site."""
