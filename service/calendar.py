"""Jobs of the calendar, run by apscheduler in the engine's process: monthly reports, nightly baselines and tidying."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from config.errors import LineproofError
from service.auditing import write_head
from service.installation import Installation
from triage.inbox import forget_ticks

log = structlog.get_logger()

AFTER_START = timedelta(minutes=1)
"""By then an engine that was started again has caught up."""


def start_calendar(installation: Installation) -> AsyncIOScheduler:
    """Start the jobs. A run missed while we were down is made up for once, within a day."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(
        monthly_reports,
        CronTrigger(day=1, hour=13, timezone="UTC"),
        args=(installation,),
        id="monthly_reports",
        coalesce=True,
        misfire_grace_time=int(timedelta(days=1).total_seconds()),
    )
    scheduler.add_job(
        forget_old_ticks, CronTrigger(hour=3, timezone="UTC"), args=(installation,), id="forget_ticks", coalesce=True
    )
    scheduler.add_job(
        write_audit_head, CronTrigger(hour=2, timezone="UTC"), args=(installation,), id="audit_head", coalesce=True
    )
    scheduler.add_job(
        renew_baselines,
        IntervalTrigger(hours=1, timezone="UTC"),
        next_run_time=datetime.now(UTC) + AFTER_START,
        args=(installation,),
        id="baselines",
        coalesce=True,
    )
    scheduler.start()
    return scheduler


async def renew_baselines(installation: Installation) -> None:
    """See each hour that there is the last night's table of what is ordinary; one that failed is tried again."""
    from service.baselining import renew

    try:
        await renew(installation)
    except LineproofError as error:
        log.error("baselines_not_learnt", why=str(error))


async def write_audit_head(installation: Installation) -> None:
    """What the audit trail's newest row is, each night, where a change of the database does not reach."""
    try:
        await write_head(installation.database, installation.settings.data, installation.clock.now())
    except LineproofError as error:
        log.error("audit_head_not_written", why=str(error))


async def forget_old_ticks(installation: Installation) -> None:
    """Ticks are only needed until they are decided; a week of them is kept for whoever looks into something."""
    before = installation.clock.now() - timedelta(days=7)
    async with installation.database.writing() as connection:
        count = await forget_ticks(connection, before)
    log.info("ticks_forgotten", count=count)


async def monthly_reports(installation: Installation) -> None:
    """The proof of performance of last month for each client who wishes one, into the data folder."""
    from service.reporting import write_performance

    last_month = (installation.clock.now().replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    folder = installation.settings.data / "reports"
    for client in (await installation.inventory()).clients.values():
        if not client.reports.monthly:
            continue
        try:
            files = await write_performance(installation, client.id, last_month, folder, client.reports.formats)
        except LineproofError as error:
            log.error("monthly_report_failed", client=client.id, month=last_month, why=str(error))
        else:
            log.info("monthly_report_written", client=client.id, files=[str(file) for file in files])
