"""`python -m gantutor.cli`, for where the `gantutor` program is not on the PATH."""

from gantutor.cli import main

main()
