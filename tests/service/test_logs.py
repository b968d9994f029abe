"""What a process logs: one JSON object a line, whoever logs it, and no secret in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.rim

PROGRAM = """
import logging, warnings
import structlog
from service.logs import set_up_logs

def poll(community):
    raise ValueError("the agent said no")

set_up_logs("collector")
try:
    poll("a-community-nobody-may-read")
except ValueError as error:
    structlog.get_logger().error("watch_failed", exc_info=error)
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
logging.getLogger("apscheduler").warning("missed by %s", "an hour")
logging.getLogger("apscheduler").info("a scheduler's chat")
warnings.warn("a library warns", stacklevel=1)
"""


def test_every_line_is_json_with_its_role_and_no_local_variable() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"].split(":")[0] for line in lines] == [
        "watch_failed", "Error handling request", "missed by an hour", "<string>",
    ]  # fmt: skip
    assert {line["role"] for line in lines} == {"collector"}
    assert {line["level"] for line in lines} == {"error", "warning"}
    assert lines[0]["exception"][0]["exc_value"] == lines[1]["exception"][0]["exc_value"] == "the agent said no"
    assert "a-community-nobody-may-read" not in done.stderr
