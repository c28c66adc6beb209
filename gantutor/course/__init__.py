"""The classroom: lessons with their parameters, records, exercises, the grader and the lab."""
