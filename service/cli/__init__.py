"""The command line. Answers go to stdout, logs and errors to stderr; exit codes: 0, 1 failed, 2 usage, 3 not found."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script `lineproof`."""
    from config.errors import LineproofError
    from service.cli.app import app
    from service.cli.running import report

    try:
        app()
    except LineproofError as error:
        sys.exit(report(error))
    except BrokenPipeError:
        sys.exit(1)
