"""The inventory's tables. Columns are named as the fields of `inventory.model`; nested values are JSON, dates and times
ISO 8601 text (times in UTC), money decimal text, so that SQLite and PostgreSQL hold exactly the same."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, String, Table

from config.database import metadata

client = Table(
    "inventory_client",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("timezone", String, nullable=False),
    Column("contacts", JSON, nullable=False),
    Column("monthly_charge", String),
    Column("currency", String, nullable=False),
    Column("reports", JSON, nullable=False),
)

site = Table(
    "inventory_site",
    metadata,
    Column("id", String, primary_key=True),
    Column("client", String, ForeignKey("inventory_client.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("address", String, nullable=False),
    Column("market", String, nullable=False),
    Column("timezone", String, nullable=False),
    Column("business_hours", JSON, nullable=False),
    Column("holidays", JSON, nullable=False),
    Column("access_hours", String, nullable=False),
    Column("on_site_contact", JSON(none_as_null=True)),
)

site_alias = Table(
    "inventory_site_alias",
    metadata,
    Column("site", String, ForeignKey("inventory_site.id", ondelete="CASCADE"), primary_key=True),
    Column("alias", String, primary_key=True, index=True),
    Column("position", BigInteger, nullable=False),
)

device = Table(
    "inventory_device",
    metadata,
    Column("id", String, primary_key=True),
    Column("site", String, ForeignKey("inventory_site.id"), nullable=False, index=True),
    Column("role", String, nullable=False),
    Column("vendor", String, nullable=False),
    Column("model", String, nullable=False),
    Column("serials", JSON, nullable=False),
    Column("management_address", String),
    Column("snmp", JSON(none_as_null=True)),
    Column("orchestrator", JSON(none_as_null=True)),
    Column("command_line", JSON(none_as_null=True)),
    Column("life_cycle", String, nullable=False),
    Column("monitoring", JSON, nullable=False),
)

link = Table(
    "inventory_link",
    metadata,
    Column("id", String, primary_key=True),
    Column("site", String, ForeignKey("inventory_site.id"), nullable=False, index=True),
    Column("device", String, ForeignKey("inventory_device.id"), index=True),
    Column("interface", String),
    Column("orchestrator_link", String),
    Column("access", String),
    Column("role", String, nullable=False),
    Column("probe_target", String),
    Column("next_hop", String),
    Column("carrier", String),
    Column("underlying_carrier", String),
    Column("circuit_id", String),
    Column("service_number", String),
    Column("carrier_account", String),
    Column("carrier_repair_contact", String),
    Column("committed_down_bps", Float),
    Column("committed_up_bps", Float),
    Column("ownership", String, nullable=False),
    Column("metered", Boolean, nullable=False),
    Column("cap_bytes", BigInteger),
    Column("monthly_charge", String),
    Column("contract", JSON, nullable=False),
    Column("sla_profile", String),
    Column("last_mile_group", String),
    Column("life_cycle", String, nullable=False),
    Column("monitoring", JSON, nullable=False),
)

maintenance = Table(
    "inventory_maintenance",
    metadata,
    Column("id", String, primary_key=True),
    Column("start", String, nullable=False),
    Column("end", String, nullable=False, index=True),
    Column("sites", JSON, nullable=False),
    Column("links", JSON, nullable=False),
    Column("reason", String, nullable=False),
    Column("recurrence", String, nullable=False, server_default=""),
    Column("timezone", String, nullable=False, server_default="UTC"),
    Column("source", String, nullable=False, server_default="person"),
    Column("status", String, nullable=False, server_default="confirmed"),
    Column("notice", JSON, nullable=False, server_default="{}"),
)
