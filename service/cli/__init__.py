"""The command line. Answers go to stdout, logs and errors to stderr; exit codes: 0, 1 failed, 2 usage, 3 not found."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The console script `lineproof`."""
    from config.errors import LineproofError
    from service.cli.app import app
    from service.cli.running import report

    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except LineproofError as error:
        sys.exit(report(error))
    except BrokenPipeError:
        # Whoever read our answer has gone. The interpreter flushes once more at its end: into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"lineproof: {where}{error.strerror or error}; see that there is room and that it may be used",
            file=sys.stderr,
        )
        sys.exit(1)
