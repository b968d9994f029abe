"""The settings file: the collector's sections, and where records, evidence, desk and metrics are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from collector.settings import CollectorSettings
from config.clock import Clock, ScaledClock, SystemClock
from config.yamlfile import read_model
from triage.cases import EffectKind
from triage.mail.settings import MailSettings
from triage.tickets.settings import TicketSettings


class ClockSettings(BaseModel):
    """An accelerated clock, for demonstrations: at the system time `origin` it shows `start`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: AwareDatetime
    origin: float
    factor: float = Field(gt=0)


class ListenSettings(BaseModel):
    """Where the processes listen: the desk for people, the others for /metrics and /health. Loopback only: there
    are no users and passwords yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    desk: int = Field(default=8080, ge=0, le=65535)
    collector: int = Field(default=8081, ge=0, le=65535)
    engine: int = Field(default=8082, ge=0, le=65535)


class Settings(CollectorSettings):
    """`config/examples/lineproof.example.yaml` describes every key."""

    data: Path = Path("var")
    records: str | None = Field(default=None, description="a postgresql:// URL; default: records.db in `data`")
    policy: Path | None = Field(default=None, description="a trouble policy file; default: the shipped one")
    clock: ClockSettings | None = None
    listen: ListenSettings = ListenSettings()
    tickets: TicketSettings = TicketSettings()
    mail: MailSettings = MailSettings()

    @field_validator("records")
    @classmethod
    def _without_password(cls, location: str | None) -> str | None:
        if location is None or "://" not in location:
            return location
        try:
            url = make_url(location)
        except (ArgumentError, ValueError) as error:
            raise ValueError("a URL like postgresql://lineproof@db.example/lineproof") from error
        if url.password is not None or "password" in url.query:
            raise ValueError("a URL without its password, which PGPASSWORD or the file that PGPASSFILE names gives")
        return location

    def make_clock(self) -> Clock:
        if self.clock is None:
            return SystemClock()
        start: datetime = self.clock.start
        return ScaledClock(start, self.clock.origin, self.clock.factor)

    def withheld(self) -> frozenset[EffectKind]:
        """The effects that are decided but not carried out."""
        ticketing = {kind for kind in EffectKind if kind.value.endswith(("ticket", "evidence", "client"))}
        return frozenset(ticketing) if self.tickets.dry_run else frozenset()


HOST = "127.0.0.1"


def read_settings(path: Path) -> Settings:
    """The settings of a file; relative paths in it are relative to its folder. Raises ConfigurationError."""
    settings = read_model(path, Settings)
    folder = path.resolve().parent
    data = folder / settings.data
    store = settings.store.model_copy(update={"folder": data / settings.store.folder})
    policy = folder / settings.policy if settings.policy is not None else None
    profiles = folder / settings.snmp.profiles if settings.snmp.profiles is not None else None
    snmp = settings.snmp.model_copy(update={"profiles": profiles})
    here = {"data": data, "store": store, "policy": policy, "snmp": snmp, "mail": settings.mail.within(folder)}
    return settings.model_copy(update=here)
