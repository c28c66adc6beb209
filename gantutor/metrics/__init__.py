"""Judging generators: on the plane against the exact truth, on images by distances between features."""
