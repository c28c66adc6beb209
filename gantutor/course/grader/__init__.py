"""Grading submitted notebooks: what was handed in, how its answers are run, what they earn."""
