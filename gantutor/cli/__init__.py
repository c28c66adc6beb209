"""The command line: gantutor run, reproduce, report, targets, build, check, lab and data.

Each command imports what it needs when it is called, so that help and error messages are quick.
Bad input is answered with one sentence on standard error and exit code 2.
"""

import sys

try:
    import signal

    import typer

    from gantutor.cli import signals
    from gantutor.cli.base import Commands
    from gantutor.cli.build import build
    from gantutor.cli.check import check
    from gantutor.cli.data import data
    from gantutor.cli.lab import lab
    from gantutor.cli.report import report, targets
    from gantutor.cli.reproduce import reproduce
    from gantutor.cli.run import run
except KeyboardInterrupt:  # these imports are half of the time of a short command
    print("gantutor: stopped", file=sys.stderr)
    sys.exit(130)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    help="Run the course's notebooks, reproduce the papers' figures and tables, and report.",
)
for command in (run, reproduce, report, targets, build, check):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True})(lab)
app.add_typer(data, name="data")


def main() -> None:
    """Entry point of the `gantutor` program."""
    sys.unraisablehook = signals.once_more
    # nbformat's jsonschema would import this module, where JupyterLab brought it, and build a
    # grammar of web addresses that no notebook uses: two seconds for each command
    sys.modules.setdefault("rfc3987_syntax", None)
    for stream in (sys.stdout, sys.stderr):  # file names may contain what cannot be encoded
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    for number in numbers:
        signal.signal(number, signals.stop)
    try:
        app()
    except KeyboardInterrupt:  # before a command started
        print("gantutor: stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        # nothing is left to stop, and Python would print a traceback while it shuts down
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
