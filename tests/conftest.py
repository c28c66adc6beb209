"""What the tests say at their end: the minutes that notebooks took, beside those that they promise."""

from gantutor.config import MINUTES


def pytest_terminal_summary(terminalreporter):
    """One line for each notebook that ran, none where no notebook did. The times are told and decide nothing."""
    found = [dict(r.user_properties) for r in terminalreporter.getreports("passed") if r.when == "call"]
    told = sorted((p["notebook"], p["profile"], p["minutes"]) for p in found if "minutes" in p)
    if not told:
        return
    terminalreporter.section("minutes of the notebooks")
    terminalreporter.write_line(f"{'notebook':24s} {'profile':8s} {'measured':>8s} {'promised':>8s} {'ratio':>6s}")
    for notebook, profile, minutes in told:
        promised = MINUTES[notebook][profile]
        terminalreporter.write_line(f"{notebook:24s} {profile:8s} {minutes:8.2f} {promised:8.2f} {minutes / promised:6.2f}")
