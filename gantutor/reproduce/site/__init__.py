"""From the one source: what a student, a teacher and somebody who recalls a lesson gets; and a static site of the executed notebooks."""
