"""What every test gets, and the rule about skipping: with CI=true only what cannot be had there may be skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest

sys.path.append(str(Path(__file__).parent / "processes"))

from commands import Commands
from postgres_server import PostgresServer, binaries

STUCK = timedelta(seconds=10)
"""An example that takes longer has met something that grows without bound. Hypothesis's own 200 ms are wall time, which
a busy machine takes from an example of 50 ms; what has to be fast is held by benchmarks and tests that say so."""

# A developer's run takes seconds; CI looks further; `make soak` furthest.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=STUCK)
hypothesis.settings.register_profile("thorough", max_examples=60, deadline=STUCK)
hypothesis.settings.register_profile("soak", max_examples=1000, deadline=None)
if os.environ.get("SOAK") == "true":
    hypothesis.settings.load_profile("soak")
else:
    hypothesis.settings.load_profile("thorough" if os.environ.get("CI") == "true" else "quick")

MAY_BE_SKIPPED = ("../shared", "INFLUX_URL")
"""Words of the two reasons that CI accepts: reference data beside the checkout, and an opt-in server's address."""


def _forbidden(report: pytest.TestReport) -> bool:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return not any(word in reason for word in MAY_BE_SKIPPED)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [] if reporter is None else reporter.stats.get("skipped", [])
    wrong = [report for report in skipped if _forbidden(report)]
    if wrong and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"CI=true, and {len(wrong)} tests were skipped that must not be", red=True)
    yield


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """The commands of `lineproof`, each a process of its own."""
    commands = Commands()
    yield commands
    commands.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started by the first test that asks for it."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install --no-install-recommends postgresql)")
    with tempfile.TemporaryDirectory(prefix="lp-pg") as folder:
        home = Path(folder) / "server"
        home.mkdir()
        Path(folder).chmod(0o755)
        server = PostgresServer(programs, home)
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def records_at(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a test's empty records database is: once a SQLite file, once in PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "records.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_records()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"NOT TESTED on a disk that is really full: mounting one needs root: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
