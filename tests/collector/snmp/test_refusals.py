"""What is done, and said to a person, about an SNMPv3 agent that refuses."""

from __future__ import annotations

import pytest

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.engine import Engine
from collector.snmp.refusals import NextStep, Report, explain, explain_silence, next_step

PASSWORD = "maplesyrup"
AUTHENTICATED = User(name="monitor", auth=AuthProtocol.SHA1, auth_password=PASSWORD)
PRIVATE = User(
    name="monitor", auth=AuthProtocol.SHA1, auth_password=PASSWORD, priv=PrivProtocol.AES128, priv_password=PASSWORD
)
DISCOVERED = Engine(b"\x80\x00\x1f\x88\x04engine")
ENGINE = DISCOVERED._replace(boots=7, time=1000, heard_at=50.0)


@pytest.mark.parametrize(
    ("report", "authenticated", "discoveries", "resyncs", "expected"),
    [
        (Report.UNKNOWN_ENGINE_IDS, False, 0, 0, NextStep.DISCOVER),
        (Report.UNKNOWN_ENGINE_IDS, False, 1, 0, NextStep.REFUSED),
        (Report.NOT_IN_TIME_WINDOWS, True, 1, 0, NextStep.RESYNC),
        (Report.NOT_IN_TIME_WINDOWS, True, 1, 1, NextStep.REFUSED),
        (Report.NOT_IN_TIME_WINDOWS, False, 0, 0, NextStep.REFUSED),
        (Report.WRONG_DIGESTS, False, 0, 0, NextStep.REFUSED),
        (Report.UNKNOWN_USER_NAMES, False, 0, 0, NextStep.REFUSED),
    ],
)
def test_discovery_and_time_are_tried_once_and_all_else_is_refused(
    report: Report, authenticated: bool, discoveries: int, resyncs: int, expected: NextStep
):
    step = next_step(report, authenticated=authenticated, discoveries=discoveries, resyncs=resyncs)
    assert step is expected


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (Report.UNKNOWN_USER_NAMES, "correct the user's name"),
        (Report.WRONG_DIGESTS, "correct the authentication password or the authentication protocol"),
        (Report.DECRYPTION_ERRORS, "correct the privacy password or the privacy protocol"),
        (Report.UNSUPPORTED_SEC_LEVELS, "authentication and privacy protocols that the agent has"),
        (Report.UNKNOWN_CONTEXTS, "correct the user's context"),
    ],
)
def test_a_report_tells_a_person_what_to_correct(report: Report, words: str):
    assert words in explain(report)


def test_silence_after_the_digest_was_accepted_points_at_the_privacy_password():
    assert explain_silence(PRIVATE, None) == ""
    assert "user's name" in explain_silence(PRIVATE, DISCOVERED)
    assert "privacy password" in explain_silence(PRIVATE, ENGINE)
    assert "privacy password" not in explain_silence(AUTHENTICATED, ENGINE)
    assert PASSWORD not in explain_silence(PRIVATE, ENGINE)
