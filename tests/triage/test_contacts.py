"""Phone numbers and mail addresses go; dates, times, addresses of machines and short references stay."""

from __future__ import annotations

import pytest

from triage.contacts import without_contacts


@pytest.mark.parametrize(
    "number",
    [
        "+1 617 555 0100", "+16175550100", "(617) 555-0100", "617-555-0100", "617.555.0100", "6175550100",
        "+49 30 901820", "0171/5550100", "+91 98765 43210",
    ],
)  # fmt: skip
def test_a_phone_number_goes(number: str):
    assert without_contacts(f"call {number}, please") == "call [number], please"


@pytest.mark.parametrize("address", ["mia@example.com", "mia.o'neil+shop@mail.example.co.uk".replace("'", "")])
def test_a_mail_address_goes(address: str):
    assert without_contacts(f"write to {address}!") == "write to [address]!"


@pytest.mark.parametrize(
    "text",
    [
        "slow since 2026-03-03 09:30", "since 03.03.2026", "since 3/3/2026", "at 09:30:15", "ticket 20261122",
        "store 114", "192.0.2.17 does not answer", "from 2026-03-03T09:30:00Z on", "CO/DIA/536052",
        "sha256:0123456789abcdef", "1.5 Mbit/s of 100", "INC0012345678 is open", "-12.5 % to 99.9 %",
    ],
)  # fmt: skip
def test_what_is_no_contact_stays(text: str):
    assert without_contacts(text) == text
