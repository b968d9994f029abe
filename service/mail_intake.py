"""Carriers' mails become maintenance windows: read, mapped, written, and only then marked as read.

Killed anywhere, the mail is read again, and says nothing newer than what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms
from inventory.changes import merged
from inventory.model import Inventory, MaintenanceWindow
from inventory.repository import load_inventory, replace_inventory
from service.installation import Installation
from triage import inbox, repository
from triage.mail.aside import put_aside, set_aside_mails
from triage.mail.folder import FolderIntake
from triage.mail.imap import ImapIntake
from triage.mail.notices import MailRefusal, RefusedMailError, outages_in, outages_told, told_cases, windows_of
from triage.mail.port import MailError, MailIntake, ReceivedMail
from triage.mail.reading import read_notices
from triage.mail.sender import carrier_of
from triage.mail.settings import FolderIntakeSettings, Intake
from triage.tickets.email.adapter import EmailTickets, Taken

log = structlog.get_logger()

TAKEN = Counter("lineproof_carrier_notices_total", "Mails that came in, by what became of them", ["outcome"])
ASIDE = Gauge("lineproof_mails_set_aside", "Mails that wait for a person: `lineproof inventory maintenance list`")


def open_intake(settings: Intake) -> MailIntake:
    if isinstance(settings, FolderIntakeSettings):
        return FolderIntake(settings.folder, settings.largest_bytes)
    return ImapIntake(settings)


async def take_in(installation: Installation, intake: MailIntake, settings: Intake) -> int:
    """Work through the unread mails; returns how many there were. Raises MailError, and nothing is lost then."""
    mails = await intake.unread()
    for mail in mails:
        await _take(installation, mail, settings)
        await intake.done(mail)
    ASIDE.set(len(set_aside_mails(installation.settings.data)))
    return len(mails)


async def _take(installation: Installation, mail: ReceivedMail, settings: Intake) -> None:
    if await _is_answer(installation, mail, settings):
        TAKEN.labels("answer").inc()
        return
    try:
        await _announce(installation, mail, settings)
    except RefusedMailError as refused:
        TAKEN.labels(refused.reason.value).inc()
        try:
            kept = put_aside(installation.settings.data, mail.raw, refused.reason, str(refused))
        except OSError as error:
            why = f"a mail that needs a person cannot be kept in the data folder ({error.strerror})"
            raise MailError(why, retryable=True) from None
        log.warning("mail_set_aside", reason=refused.reason.value, why=str(refused), file=str(kept.path))
    else:
        TAKEN.labels("taken").inc()


async def _is_answer(installation: Installation, mail: ReceivedMail, settings: Intake) -> bool:
    """Whether it belongs to a ticket that we sent by mail, and was taken there."""
    if not isinstance(installation.tickets, EmailTickets) or len(mail.raw) > settings.largest_bytes:
        return False
    return await installation.tickets.take(mail, settings.authenticated_by) is not Taken.NO_TICKET


async def _announce(installation: Installation, mail: ReceivedMail, settings: Intake) -> None:
    """Raises RefusedMailError when a person must look at the mail; what of it is certain was written even so."""
    if len(mail.raw) > settings.largest_bytes:
        raise RefusedMailError(MailRefusal.TOO_LARGE, f"it has more than {settings.largest_bytes} bytes")
    carrier = carrier_of(mail.raw, settings)
    notices = await read_notices(mail.raw, carrier.format)
    now = installation.clock.now()
    async with installation.database.writing() as connection:
        known = await load_inventory(connection)
        reading = windows_of(notices, carrier.carrier, known, now, timedelta(days=settings.longest_days))
        outages = outages_in(reading.windows, known)
        fresh = Inventory.of(maintenance=[window for window in reading.windows if window not in outages])
        await replace_inventory(connection, fresh)
        await _tell_cases(connection, installation, reading.windows, outages, merged(known, fresh))
    log.info("notice_taken", carrier=carrier.carrier, windows=[window.id for window in reading.windows])
    if reading.unknown:
        named = ", ".join(reading.unknown[:20])
        raise RefusedMailError(
            MailRefusal.CIRCUITS_UNKNOWN, f"no line of {carrier.carrier} has circuit {named}; all others are taken"
        )


async def _tell_cases(
    connection: AsyncConnection,
    installation: Installation,
    windows: Sequence[MaintenanceWindow],
    sudden: Sequence[MaintenanceWindow],
    known: Inventory,
) -> None:
    now = installation.clock.now()
    outages = outages_told(sudden, known, now)
    at_once = {told.site for told in outages}
    cases = await repository.cases(connection, only_open=True, limit=repository.ALL)
    standing = [case for case in cases if case.site not in at_once]
    for told in (*outages, *told_cases(windows, standing, known, now)):
        etr = epoch_ms(told.etr) if told.etr is not None else 0
        await inbox.put(connection, f"notice:{told.case or told.site}:{told.carrier}:{told.number}:{etr}", told, now)
