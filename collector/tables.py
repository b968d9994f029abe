"""The collector's tables in the records database: what other processes ask of it. Measurements are not kept here."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from config.database import metadata

poll_wish = Table(
    "collector_poll_wish",
    metadata,
    Column("device", String(100), primary_key=True),
    Column("reason", String(200), primary_key=True),
    Column("every_seconds", Integer, nullable=False),
    # Epoch milliseconds.
    Column("until", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)
"""Devices to be polled more often until a moment. No foreign key: a wish for a device that is no longer polled is
without effect, and ends by itself."""
