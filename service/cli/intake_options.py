"""What a carrier asks, as options that `triage` and `case intake` share."""

from __future__ import annotations

from typing import Annotated

import typer

Contact = Annotated[str, typer.Option("--contact", metavar='"NAME PHONE"', help="Whom a technician meets on site.")]
ContactHours = Annotated[str, typer.Option("--contact-hours", metavar="HOURS", help="When that person is there.")]
AccessHours = Annotated[str, typer.Option("--access", metavar="HOURS", help="When a technician gets in.")]
Instructions = Annotated[str, typer.Option("--instructions", metavar="WORDS", help="How a technician gets in.")]
DispatchConsent = Annotated[str, typer.Option("--dispatch-consent", metavar="yes|no", help="May one be sent?")]
ChargesUpTo = Annotated[
    str, typer.Option("--charges-up-to", metavar="AMOUNT", help="What the client pays where the fault is its own.")
]
ConsentBy = Annotated[str, typer.Option("--consent-by", metavar="NAME", help="Who gave the consents.")]
IntrusiveTests = Annotated[
    str, typer.Option("--intrusive-tests", metavar="yes|no|HOURS", help="May tests interrupt the line, and when?")
]
PowerChecked = Annotated[
    bool | None, typer.Option("--power-checked/--power-not-checked", help="Whether the equipment has power.")
]
Rebooted = Annotated[bool | None, typer.Option("--rebooted/--not-rebooted", help="Whether it was restarted.")]
Reference = Annotated[str, typer.Option("--reference", metavar="REF", help="The client's own number for it.")]
