"""`python -m gantutor.reproduce.report [OUT [NAME]]`: see `status`."""

import sys

from gantutor.reproduce.report.status import main

main(sys.argv[1:])
