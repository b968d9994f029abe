"""The settings of tickets by mail. Mails go out as `mail.outgoing` says; answers come in as `mail.intake` says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from triage.mail.settings import Address

To = Annotated[tuple[Address, ...], Field(min_length=1)]


class EmailSettings(BaseModel):
    """`queues` are the addresses of desks; a ticket of no such desk goes to `to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["email"] = "email"
    to: To
    queues: dict[str, To] = Field(default={})
    people: tuple[str, ...] = Field(
        default=(), description="whose answers become notes: addresses, or @domain for all of a domain"
    )
    domain: str = Field(default="lineproof.invalid", pattern=r"^[A-Za-z0-9.-]+$", description="of our Message-IDs")

    @field_validator("people")
    @classmethod
    def _in_one_case(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for one in people:
            if one.count("@") != 1 or one.endswith("@") or " " in one:
                raise ValueError("mail addresses such as anna@provider.example, or @provider.example for all of them")
        return tuple(one.casefold() for one in people)
