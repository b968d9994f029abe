"""How every orchestrator's adapter gets on with a host that is slow, strict or broken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from between import half, says, silence
from hosts import KEY, PASSWORD, PENALTY, Case
from structlog.testing import capture_logs

from collector.orchestrator.port import Orchestrator, OrchestratorError
from config.errors import Blame

pytestmark = pytest.mark.rim

WRONG = {
    "half an answer": half,
    "half a document": says(200, '[{"edge', **{"Content-Type": "application/json"}),
    "nothing": says(200),
    "an HTML page": says(200, "<html><body>Please wait</body></html>"),
    "500": says(500, '{"error": "boom"}'),
    "a proxy's 502": says(502, "<html>Bad gateway</html>"),
    "no answer in time": silence,
}


@pytest.mark.parametrize("name", sorted(WRONG))
async def test_a_wrong_answer_is_one_sentence_that_blames_the_other_side_and_may_be_tried_again(case: Case, name: str):
    if name == "an HTML page" and case.vendor.html_is_a_log_in_page:
        return
    case.between.spoil, case.between.for_ever = [WRONG[name]], True
    adapter = case.open(timeout=0.3)
    for ask in (adapter.states(), adapter.statistics(*case.window)):
        with capture_logs() as logs, pytest.raises(OrchestratorError) as caught:
            await ask
        assert caught.value.retryable
        assert caught.value.blame in (Blame.VENDOR, Blame.LINK)
        text = str(caught.value)
        assert case.between.url.removeprefix("http://") in text
        assert "\n" not in text
        assert no_secret(text, repr(caught.value), logs)
    await adapter.close()


def no_secret(*texts: Any) -> bool:
    return not any(secret in str(text) for secret in (KEY, PASSWORD) for text in texts)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_refusal_names_host_and_call_and_no_secret(case: Case, status: int):
    case.between.spoil, case.between.for_ever = [says(status, '{"errors": ["no"]}')], True
    adapter = case.open()
    with capture_logs() as logs, pytest.raises(OrchestratorError) as caught:
        await adapter.states()
    await adapter.close()
    assert case.between.url.removeprefix("http://") in str(caught.value)
    assert not caught.value.retryable
    assert no_secret(repr(adapter), logs)


async def test_after_429_everybody_waits_and_the_call_is_repeated(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    case.between.calls.clear()
    case.between.spoil = [says(429, "Too Many Requests")]
    first = asyncio.create_task(orchestrator.states())
    await asyncio.sleep(PENALTY / 4)
    limited = case.between.calls[0].at
    during = len(case.between.calls)
    reports = await asyncio.gather(first, orchestrator.states())
    assert all(report.facts and not report.absent for report in reports)
    assert all(call.at - limited >= 0.9 * PENALTY for call in case.between.calls[during:])
    assert during <= 2


async def test_one_new_log_in_serves_all_calls_that_met_an_expired_session(session_case: Case):
    adapter = session_case.open()
    await adapter.states()
    session_case.between.calls.clear()
    assert session_case.end_sessions
    session_case.end_sessions()
    session_case.between.delay = 0.02
    reports = await asyncio.gather(*(adapter.states() for _ in range(6)))
    assert all(report.facts and not report.absent for report in reports)
    paths = [call.path for call in session_case.between.calls if session_case.between.is_log_in(call.path)]
    assert len(paths) == len(set(paths))
    await adapter.close()


async def test_what_a_person_waits_for_goes_before_background_polling(case: Case):
    adapter = case.open(in_flight=2)
    await adapter.states()
    case.between.delay = 0.1
    background = [asyncio.create_task(adapter.states()) for _ in range(6)]
    await asyncio.sleep(0.01)
    await asyncio.create_task(adapter.states(urgent=True))
    assert sum(task.done() for task in background) <= 2
    await asyncio.gather(*background)
    await adapter.close()
