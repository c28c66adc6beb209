"""Grading submitted notebooks: what was handed in, how its answers run, what they earn.

`submission` and `statements` read a notebook as text, `nursery` and `worker` run its answers in
processes with limits, `messages` carries what was seen back, `grade` and `marks` give the points.
"""
