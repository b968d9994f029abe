"""An orchestrator's token or password leaves this machine encrypted or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.model import Cadence, Source
from collector.settings import CollectorSettings, OrchestratorSettings, SnmpCredential, StoreSettings, raw_days_for
from collector.snmp.agent import AuthProtocol, Community, PrivProtocol, User
from collector.store.embedded import EmbeddedStore
from collector.store.opening import open_store
from collector.store.port import StoreError


@pytest.mark.parametrize(
    "url",
    ["https://vco.example.net", "http://127.0.0.1:8443", "http://127.9.9.9", "http://localhost:80", "http://[::1]:80"],
)
def test_a_secret_may_travel_encrypted_or_within_this_machine(url: str) -> None:
    assert OrchestratorSettings(url=url, token="env:HOME").url  # type: ignore[arg-type]


def test_a_secret_for_another_machine_stands_in_the_environment_or_a_file() -> None:
    with pytest.raises(ValidationError, match="env:NAME or file:PATH") as refused:
        OrchestratorSettings.model_validate({"url": "https://vco.example.net", "token": "verysecret"})
    assert "verysecret" not in str(refused.value.errors(include_input=False))


@pytest.mark.parametrize(
    "url",
    ["http://vco.example.net", "http://192.0.2.1", "http://[2001:db8::1]", "http://localhost.example.net",
     "http://127.0.0.1.example.net"],
)  # fmt: skip
@pytest.mark.parametrize("secret", [{"token": "t"}, {"username": "u", "password": "p"}])
def test_a_secret_is_not_sent_in_the_clear_to_another_machine(url: str, secret: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="a URL with https://, because token and password are sent there"):
        OrchestratorSettings(url=url, **secret)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({}, "either a community"),
        ({"community": "public", "user": "lp"}, "either a community"),
        ({"community": "public", "auth": "sha1", "auth_password": "authpass"}, "belong to a user"),
        ({"user": "lp", "auth": "sha1"}, "auth together with auth_password"),
        ({"user": "lp", "auth_password": "authpass"}, "auth together with auth_password"),
        ({"user": "lp", "priv": "aes128", "priv_password": "privpass"}, "no privacy without authentication"),
        ({"user": "lp", "auth": "sha1", "auth_password": "short"}, "at least 8 characters"),
    ],
)
def test_an_snmp_credential_is_one_version_and_a_whole_security_level(written: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as refused:
        SnmpCredential.model_validate(written)
    assert "authpass" not in str(refused.value.errors(include_input=False))


def test_a_community_or_a_user_is_what_the_poller_takes() -> None:
    assert SnmpCredential.model_validate({"community": "public"}).credential() == Community(b"public")
    written = {"user": "lp", "auth": "sha256", "auth_password": "authpass", "priv": "aes256-reeder"}
    assert SnmpCredential.model_validate(written | {"priv_password": "privpass"}).credential() == User(
        name="lp",
        auth=AuthProtocol.SHA256,
        auth_password="authpass",
        priv=PrivProtocol.AES256_REEDER,
        priv_password="privpass",
    )


def test_each_vendor_is_asked_at_the_pace_that_it_asks_for() -> None:
    def pace(**written: object) -> tuple[int, int, int, int, int]:
        one = OrchestratorSettings.model_validate({"url": "https://vco.example.net", **written})
        return one.tick, one.late, one.statistics_every, one.calls_per_hour, one.burst

    token, login = {"token": "env:HOME"}, {"username": "noc", "password": "env:HOME"}
    assert pace(**token) == (300, 600, 600, 3600, 60)
    assert pace(kind="meraki", **token) == (300, 300, 300, 7200, 10)
    assert pace(kind="catalyst", **login) == (600, 2400, 600, 2400, 8)
    assert pace(kind="meraki", calls_per_hour=600, **token) == (300, 300, 300, 600, 10)


def test_orchestrators_of_several_vendors_share_the_shortest_tick() -> None:
    # The longer tick of ten minutes stands for two of five; its first half is over five minutes before it.
    host, login = {"url": "http://127.0.0.1"}, {"username": "noc", "password": "p"}
    settings = CollectorSettings.model_validate(
        {"orchestrators": {"v": {**host, "token": "t"}, "c": {**host, "kind": "catalyst", **login}}}
    )
    assert settings.cadences()[Source.ORCHESTRATOR] == Cadence(every=300, late=2400 + 600 + 300)
    alone = CollectorSettings.model_validate({"orchestrators": {"v": {**host, "token": "t"}}})
    assert alone.cadences()[Source.ORCHESTRATOR] == Cadence(every=300, late=1200)


@pytest.mark.parametrize("kind", ["vmanage", 7, None, ["meraki"], {"meraki": 1}])
def test_a_kind_of_orchestrator_that_we_do_not_know_is_a_fault_like_any_other(kind: object) -> None:
    with pytest.raises(ValidationError, match="velocloud"):
        OrchestratorSettings.model_validate({"url": "https://vco.example.net", "token": "env:HOME", "kind": kind})


@pytest.mark.parametrize("url", ["https://noc:geheim@vco.example.net", "https://noc@vco.example.net"])
def test_a_password_in_the_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="a URL without user and password"):
        OrchestratorSettings.model_validate({"url": url, "token": "env:HOME"})


@pytest.mark.parametrize(("links", "days"), [(0, 400), (1, 400), (2000, 400), (2001, 95), (100_000, 95)])
def test_a_small_fleet_keeps_its_raw_samples_for_thirteen_months(links: int, days: int) -> None:
    assert raw_days_for(links) == days
    assert StoreSettings().raw_days_of(links) == days


def test_what_a_person_wrote_stands_whatever_the_fleet() -> None:
    assert StoreSettings(raw_days=30).raw_days_of(1) == 30
    assert StoreSettings(raw_days=1000).raw_days_of(100_000) == 1000


@pytest.mark.parametrize("wrong", [{"raw_days": 0}, {"rollup_days": 0}, {"journal_megabytes": 15}])
def test_a_store_that_keeps_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        StoreSettings.model_validate(wrong)


@pytest.mark.rim
@pytest.mark.parametrize(
    ("written", "links", "kept"), [({}, 5000, (95, 761)), ({"raw_days": 30, "rollup_days": 90}, 5000, (30, 90))]
)
def test_the_store_is_opened_with_what_is_kept(
    tmp_path: Path, written: dict[str, int], links: int, kept: tuple[int, int]
) -> None:
    journal, store = open_store(StoreSettings.model_validate(written), tmp_path, links)
    assert isinstance(store, EmbeddedStore)
    assert (store.retention.raw_days, store.retention.rollup_days) == kept
    journal.close()


@pytest.mark.rim
def test_an_embedded_store_does_not_take_the_place_of_influx_where_its_samples_are_missing(tmp_path: Path) -> None:
    settings = StoreSettings()
    journal, _ = open_store(settings, tmp_path)
    journal.forget("parts")
    asyncio.run(journal.append([], []))
    journal.advance("influx", 1)
    journal.trim()
    journal.close()
    with pytest.raises(StoreError, match=r"went to InfluxDB.*set `store.kind` to influx, or `store.folder` to a new"):
        open_store(settings, tmp_path)
    journal, _ = open_store(StoreSettings(folder=Path("new")), tmp_path)
    journal.close()


@pytest.mark.rim
def test_an_embedded_store_that_influx_stood_beside_for_a_while_goes_on(tmp_path: Path) -> None:
    journal, _ = open_store(StoreSettings(), tmp_path)
    asyncio.run(journal.append([], []))
    for reader in ("parts", "influx"):
        journal.advance(reader, 1)
    journal.trim()
    journal.close()
    again, _ = open_store(StoreSettings(), tmp_path)
    assert again.trimmed() == 1
    again.close()
