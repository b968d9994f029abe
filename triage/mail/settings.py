"""The `mail` section of the settings: where mail is read, and who may announce work on whose lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from collector.settings import is_loopback
from config.secrets import Secret


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _elsewhere(value: object) -> object:
    if isinstance(value, str) and not value.startswith(("env:", "file:")):
        raise ValueError("env:NAME or file:PATH; a secret itself has no place in the settings")
    return value


class CarrierMailSettings(_Section):
    """Who may announce work on the lines of one carrier, named as the inventory's links name it."""

    carrier: str = Field(min_length=1, description="`carrier` or `underlying_carrier` of the links")
    senders: tuple[str, ...] = Field(min_length=1, description="addresses, or @domain for all of a domain")
    format: str = Field(default="generic", description="the carrier's format, as circuit-maintenance-parser names it")

    @field_validator("senders")
    @classmethod
    def _are_addresses(cls, senders: tuple[str, ...]) -> tuple[str, ...]:
        for sender in senders:
            if sender.count("@") != 1 or sender.endswith("@") or " " in sender:
                raise ValueError("mail addresses such as noc@carrier.example, or @carrier.example for all of a domain")
        return tuple(sender.casefold() for sender in senders)


class IntakeSettings(_Section):
    """What every mailbox has. Without `authenticated_by` a sender is believed as it stands in the mail, which anyone
    can write; so it must be said, if only as null."""

    carriers: tuple[CarrierMailSettings, ...] = Field(default=(), description="who may announce work on which lines")
    authenticated_by: str | None = Field(
        description="our mail server's name in Authentication-Results (RFC 8601): it must say that DMARC or DKIM passed"
    )
    every_seconds: float = Field(default=60, ge=1, description="between two looks for new mail")
    largest_bytes: int = Field(default=5_000_000, ge=1_000, description="a mail beyond this is set aside unread")
    longest_days: float = Field(default=14, gt=0, description="announced work longer than this is left to a person")


class FolderIntakeSettings(IntakeSettings):
    """A folder that .eml files are put into; those that are done are moved to its subfolder `done`."""

    kind: Literal["folder"]
    folder: Path


class ImapIntakeSettings(IntakeSettings):
    """A mailbox read over IMAP with TLS. What is done is marked as seen; nothing is deleted."""

    kind: Literal["imap"]
    host: str
    port: int = Field(default=993, ge=1, le=65535)
    tls: Literal["implicit", "starttls"] = "implicit"
    user: str
    password: Secret
    mailbox: str = "INBOX"
    ca_file: Path | None = Field(default=None, description="only where the server's certificate is your own CA's")
    timeout: float = Field(default=30, gt=0, description="seconds to wait for an answer")

    @field_validator("password", mode="before")
    @classmethod
    def _stands_elsewhere(cls, value: object) -> object:
        return _elsewhere(value)


Intake = Annotated[FolderIntakeSettings | ImapIntakeSettings, Field(discriminator="kind")]


def _an_address(value: str) -> str:
    if value.count("@") != 1 or any(one in value for one in " <>,;:\r\n") or value.startswith("@") or value[-1] == "@":
        raise ValueError("a mail address such as noc@provider.example")
    return value


Address = Annotated[str, AfterValidator(_an_address)]


class SmtpSettings(_Section):
    """Mail goes to this server. Its certificate is verified; without `tls` only on this machine itself."""

    kind: Literal["smtp"]
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None
    sender: Address = Field(description="the address that mails are from")
    ca_file: Path | None = Field(default=None, description="only where the server's certificate is your own CA's")
    timeout: float = Field(default=30, gt=0, description="seconds to wait for an answer")

    @field_validator("password", mode="before")
    @classmethod
    def _stands_elsewhere(cls, value: object) -> object:
        return _elsewhere(value)

    @model_validator(mode="after")
    def _secrets_travel_encrypted(self) -> Self:
        if self.tls == "none" and not is_loopback(self.host):
            raise ValueError("tls: starttls or implicit; none is for loopback")
        if (self.user is None) != (self.password is None):
            raise ValueError("both user and password, or neither")
        return self


class FolderOutSettings(_Section):
    """A folder that mails are put into as .eml files, each whole."""

    kind: Literal["folder"]
    folder: Path
    sender: Address = Field(description="the address that mails are from")


Outgoing = Annotated[SmtpSettings | FolderOutSettings, Field(discriminator="kind")]


class MailSettings(_Section):
    """`intake` None: no mail is read; `outgoing` None: none is sent."""

    intake: Intake | None = None
    outgoing: Outgoing | None = None

    def within(self, folder: Path) -> Self:
        """With its relative paths taken from this folder."""
        return self.model_copy(
            update={"intake": _placed(self.intake, folder), "outgoing": _placed(self.outgoing, folder)}
        )


def _placed(section: BaseModel | None, folder: Path) -> BaseModel | None:
    """A section with its paths taken from the folder."""
    if section is None:
        return None
    paths = {name: value for name in type(section).model_fields if isinstance(value := getattr(section, name), Path)}
    return section.model_copy(update={name: folder / path for name, path in paths.items()})
