"""Making the bucket, or the database and its retention policy, that a server lacks."""

from __future__ import annotations

import json
import re

from collector.store.influx_connection import InfluxConnection
from collector.store.influx_errors import refusal, said
from collector.store.port import StoreError

DAY_SECONDS = 86_400


async def create(connection: InfluxConnection, bucket: str, days: int) -> None:
    """Make `bucket` (`database/policy` on 1.x), which keeps points for `days`. What is there already stays as it is.

    Raises StoreError, which says what to run by hand where we may not.
    """
    version = await major_version(connection)
    if version == 1:
        await _database(connection, bucket, days)
    elif version == 2:
        await _bucket(connection, bucket, days)
    else:
        await _database_of_3(connection, bucket, days)


async def major_version(connection: InfluxConnection) -> int:
    """1, 2 or 3, by the headers of /ping, which all three send."""
    status, headers, body = await connection.request("GET", "/ping")
    if status >= 400:
        raise refusal(f"InfluxDB at {connection.url}", "/ping", status, said(body), lines=False)
    version, build = headers.get("X-Influxdb-Version", ""), headers.get("X-Influxdb-Build", "")
    found = re.match(r"v?([123])\.", version)
    if found:
        return int(found.group(1))
    if build == "Cloud":
        return 2
    raise StoreError(
        f"{connection.url} does not say on /ping which InfluxDB it is (version {version or 'absent'}); "
        "check the url, or create the bucket or database by hand as docs/influxdb.md says"
    )


async def _database(connection: InfluxConnection, bucket: str, days: int) -> None:
    database, _, policy = bucket.partition("/")
    duration = f"DURATION {days}d REPLICATION 1"
    if policy:
        statements = [
            f"CREATE DATABASE {_identifier(database)}",
            f"CREATE RETENTION POLICY {_identifier(policy)} ON {_identifier(database)} {duration}",
        ]
    else:
        statements = [f"CREATE DATABASE {_identifier(database)} WITH {duration}"]
    for statement in statements:
        status, _, body = await connection.request("POST", "/query", data={"q": statement})
        words = _statement_error(body) if status == 200 else said(body)
        if words and "already exists" not in words:
            by_hand = "; ".join(statements)
            raise StoreError(
                f"InfluxDB at {connection.url} does not let us create {bucket} ({words}); as an administrator run: "
                f"influx -execute '{by_hand}'",
                retryable=status >= 500,
            )


def _identifier(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _statement_error(body: bytes) -> str:
    """What InfluxQL says went wrong in an answer of status 200; empty when nothing did."""
    try:
        return str(json.loads(body)["results"][0].get("error", ""))
    except (ValueError, KeyError, IndexError, TypeError):
        return "an answer that is no InfluxQL result"


async def _bucket(connection: InfluxConnection, bucket: str, days: int) -> None:
    by_hand = f"influx bucket create --org {connection.org} --name {bucket} --retention {days}d"
    organization = await _organization(connection, by_hand)
    rule = {"type": "expire", "everySeconds": days * DAY_SECONDS}
    body = {"orgID": organization, "name": bucket, "retentionRules": [rule]}
    status, _, answer = await connection.request("POST", "/api/v2/buckets", json=body)
    if status not in (200, 201) and "already exists" not in said(answer):
        raise _not_ours(connection, f"bucket {bucket}", status, answer, by_hand)


async def _organization(connection: InfluxConnection, by_hand: str) -> str:
    """The id of our organization, made when it is absent."""
    name = connection.org
    status, _, answer = await connection.request("GET", "/api/v2/orgs", params={"org": name})
    if status == 200 and (found := json.loads(answer).get("orgs")):
        return str(found[0]["id"])
    if status not in (200, 404):
        raise _not_ours(connection, f"bucket in the organization {name}", status, answer, by_hand)
    status, _, answer = await connection.request("POST", "/api/v2/orgs", json={"name": name})
    if status not in (200, 201):
        by_hand = f"influx org create --name {name} && {by_hand}"
        raise _not_ours(connection, f"organization {name}", status, answer, by_hand)
    return str(json.loads(answer)["id"])


async def _database_of_3(connection: InfluxConnection, bucket: str, days: int) -> None:
    by_hand = f"influxdb3 create database --retention-period {days}d {bucket}"
    body = {"db": bucket, "retention_period": f"{days}d"}
    status, _, answer = await connection.request("POST", "/api/v3/configure/database", json=body)
    if status not in (200, 201) and "already exists" not in said(answer):
        raise _not_ours(connection, f"database {bucket}", status, answer, by_hand)


def _not_ours(connection: InfluxConnection, what: str, status: int, answer: bytes, by_hand: str) -> StoreError:
    return StoreError(
        f"InfluxDB at {connection.url} does not let us create the {what} ({status}: {said(answer)}); "
        f"with a token that may, run: {by_hand}",
        retryable=status >= 500,
    )
