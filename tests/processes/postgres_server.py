"""A PostgreSQL server of a test session's own: in a folder, on a socket there, without durability."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ADMINISTRATOR = "lineproof"
UNPRIVILEGED = ("postgres", "nobody")
"""Whom it runs as when we are root, which it refuses to be."""


def binaries() -> Path | None:
    """Where Debian, or anybody's PATH, has the server's programs; the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    elsewhere = shutil.which("initdb")
    return found[-1].parent if found else Path(elsewhere).parent if elsewhere else None


class PostgresServer:
    """`stop` it. `folder`: a short name, for the length of a socket's path is bounded."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._made = 0
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        quick = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses=''"
        self._run("initdb", "-D", folder / "data", "-A", "trust", "-U", ADMINISTRATOR, "-E", "UTF8", "--locale=C", "-N")
        self._control("start", "-l", folder / "log", "-o", f"-k {folder} {quick}")

    def new_records(self) -> str:
        """The URL of a place without tables: a user's own schema, which is made sooner than a database."""
        self._made += 1
        name = f"records{self._made}"
        make = f"CREATE ROLE {name} LOGIN; CREATE SCHEMA AUTHORIZATION {name}"
        self._run("psql", "-q", "-X", "-h", self._folder, "-U", ADMINISTRATOR, "-c", make, "postgres")
        return f"postgresql://{name}@/postgres?host={self._folder}"

    def restart(self) -> None:
        """Every connection is cut."""
        self._control("restart", "-m", "fast", "-l", self._folder / "log")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, what: str, *options: object) -> None:
        self._run("pg_ctl", what, "-D", self._folder / "data", "-s", "-w", *options)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        # The server inherits its starter's output, and would keep a pipe open for as long as it lives.
        with (self._folder.parent / f"{self._folder.name}.out").open("ab") as out:
            done = subprocess.run(
                command, stdout=out, stderr=out, user=self._user, cwd=self._folder, timeout=60, check=False
            )
        if done.returncode:
            said = Path(out.name).read_text(errors="replace")[-1000:]
            raise RuntimeError(f"{program} ended with {done.returncode}: {said}")


def _unprivileged() -> str:
    import pwd

    known = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)
