"""Opens the way out for mail that the settings name."""

from __future__ import annotations

from config.clock import SystemClock
from triage.mail.port import Mailer
from triage.mail.settings import FolderOutSettings, MailSettings


def open_mailer(settings: MailSettings) -> Mailer | None:
    """None where no mail is sent. A mail's Date is of this machine's own clock. Raises ConfigurationError for a
    `ca_file` that cannot be used."""
    if settings.outgoing is None:
        return None
    if isinstance(settings.outgoing, FolderOutSettings):
        from triage.mail.folder_out import FolderMailer

        return FolderMailer(settings.outgoing.folder, settings.outgoing.sender, SystemClock())
    from triage.mail.smtp import SmtpMailer

    return SmtpMailer(settings.outgoing, SystemClock())
