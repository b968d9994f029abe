"""Mail out over SMTP (RFC 5321), its server verified."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import SMTP

import aiosmtplib
from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPTimeoutError

from collector.http import verified_tls
from config.clock import Clock
from config.errors import Blame
from triage.mail.message import message_bytes
from triage.mail.port import Mail, MailError
from triage.mail.settings import SmtpSettings


class SmtpMailer:
    """Implements Mailer. Raises ConfigurationError for a `ca_file` that cannot be used."""

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        tls = verified_tls(settings.ca_file)
        self._tls = tls if isinstance(tls, ssl.SSLContext) else ssl.create_default_context()

    async def send(self, mail: Mail) -> None:
        settings = self._settings
        content = message_bytes(mail, settings.sender, self._clock.now())
        try:
            refused, _ = await aiosmtplib.send(
                message_from_bytes(content, policy=SMTP),
                sender=settings.sender,
                recipients=list(mail.to),
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=settings.password.get_secret_value() if settings.password is not None else None,
                use_tls=settings.tls == "implicit",
                start_tls=settings.tls == "starttls",
                tls_context=self._tls,
                timeout=settings.timeout,
            )
        except (SMTPException, OSError) as error:
            raise _error(settings.host, error) from error
        except ValueError as error:
            raise MailError(f"{settings.host} cannot be used as it is set up ({error}); see `mail.outgoing`") from None
        if refused:
            raise _refused(settings.host, {address: answer.code for address, answer in refused.items()}, some=True)


def _error(host: str, error: Exception) -> MailError:
    if isinstance(error, SMTPRecipientsRefused):
        return _refused(host, {one.recipient: one.code for one in error.recipients}, some=False)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        why = f"{host} does not take our user and password ({error.code}); check the password in the settings"
        return MailError(why, retryable=True)
    if isinstance(error, SMTPResponseException):
        said = " ".join(str(error.message).split())[:300]
        todo = "trying again later" if _is_passing(error.code) else "correct what it names, then try again"
        return MailError(
            f"{host} refused the mail with {error.code} ({said}); {todo}", retryable=_is_passing(error.code)
        )
    if isinstance(error, SMTPTimeoutError):
        what = "gave no answer in time"
    elif _certificate(error):
        return MailError(f"{host} shows a certificate we cannot verify; check `host`, or set `ca_file` to your own CA")
    elif isinstance(error, aiosmtplib.SMTPConnectError | OSError):
        what = "cannot be reached"
    else:
        what = f"broke off ({type(error).__name__})"
    return MailError(f"{host} {what}; trying again later", retryable=True, blame=Blame.LINK)


def _refused(host: str, codes: Mapping[str, int], *, some: bool) -> MailError:
    """RFC 5321, 4.2.1: 4yz may go later, 5yz will not. Those who have it get the same mail again, under one id."""
    passing = any(_is_passing(code) for code in codes.values())
    named = ", ".join(f"{address} ({code})" for address, code in sorted(codes.items()))
    todo = "trying again later" if passing else "correct or remove these addresses"
    others = "; all others have it" if some else ""
    return MailError(f"{host} does not take mail for {named}{others}; {todo}", retryable=passing)


def _is_passing(code: int) -> bool:
    return 400 <= code < 500


def _certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
