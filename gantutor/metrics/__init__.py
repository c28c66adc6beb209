"""Measures of generators: on the plane against the exact truth, on images between features."""
