"""One fresh process that reads one big answer of a VCO in one way, and prints what that cost. Started by
orchestrator.py. Every way gives the same rows, which is looked at."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from poll import forget_peak, peak_mb
from pydantic import TypeAdapter, create_model

from collector.orchestrator.record import identity_of, moment_of
from collector.orchestrator.velocloud.rows import METRICS, LinkRow, MetricsRow, read_links, read_metrics

Text, Identifier, Moment, Number = str | None, int | str | None, int | str | None, float | str | None
STATUS: dict[str, Any] = {
    "enterpriseId": Identifier,
    "edgeId": Identifier,
    "edgeName": Text,
    "edgeState": Text,
    "edgeLastContact": Moment,
    "edgeSerialNumber": Text,
    "edgeHASerialNumber": Text,
    "linkId": Identifier,
    "internalId": Text,
    "interface": Text,
    "linkState": Text,
    "linkLastActive": Moment,
    "linkMode": Text,
    "linkBackupState": Text,
}
Take = Callable[..., Iterable[Any]]


def link(values: Iterable[Any]) -> LinkRow:
    enterprise, edge, name, state, contact, serial, standby, number, internal, interface, *rest = values
    link_state, active, mode, backup = rest
    return LinkRow(
        enterprise=identity_of(enterprise),
        edge=identity_of(edge),
        edge_name=name,
        edge_state=state,
        edge_last_contact=moment_of(contact)[0],
        serial=serial,
        standby_serial=standby,
        link=identity_of(number),
        internal_id=internal,
        interface=interface,
        state=link_state,
        last_active=moment_of(active)[0],
        mode=mode,
        backup_state=backup,
    )


def links(found: Iterable[Any], take: Take) -> list[LinkRow]:
    return [link(take(each)) for each in found]


def metrics(found: Iterable[Any], take: Take, take_link: Take) -> list[MetricsRow]:
    rows = []
    for each in found:
        *figures, nested = take(each)
        values = tuple(math.nan if value is None else float(value) for value in figures)
        rows.append(MetricsRow(link=link(take_link(nested)), values=values))
    return rows


def of_dict(names: Iterable[str]) -> Take:
    wanted = tuple(names)
    return lambda row: map(row.get, wanted)


def ways(kind: str) -> dict[str, Callable[[bytes], list[Any]]]:
    """Each way to read a body of this kind."""
    status = msgspec.defstruct("Status", [(name, form, None) for name, form in STATUS.items()], gc=False)
    checked: Any = create_model("Status", **{name: (form, None) for name, form in STATUS.items()})
    if kind == "states":
        whole, models = msgspec.json.Decoder(list[status]), TypeAdapter(list[checked])  # type: ignore[valid-type]
        named = attrgetter(*STATUS)
        return {
            "ours": lambda body: list(read_links(body)),
            "msgspec, the whole body at once": lambda body: links(whole.decode(body), named),
            "pydantic": lambda body: links(models.validate_json(body), named),
            "json": lambda body: links(json.loads(body), of_dict(STATUS)),
        }
    fields = dict.fromkeys(METRICS, Number)
    figures = msgspec.defstruct(
        "Metrics", [*((name, form, None) for name, form in fields.items()), ("link", status, None)], gc=False
    )
    checked = create_model("Metrics", **{name: (form, None) for name, form in fields.items()}, link=(checked, None))
    whole, models = msgspec.json.Decoder(list[figures]), TypeAdapter(list[checked])  # type: ignore[valid-type]
    named, nested = attrgetter(*METRICS, "link"), attrgetter(*STATUS)
    return {
        "ours": lambda body: list(read_metrics(body)),
        "msgspec, the whole body at once": lambda body: metrics(whole.decode(body), named, nested),
        "pydantic": lambda body: metrics(models.validate_json(body), named, nested),
        "json": lambda body: metrics(json.loads(body), of_dict([*METRICS, "link"]), of_dict(STATUS)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--kind", choices=("states", "statistics"), required=True)
    parser.add_argument("--way", required=True)
    options = parser.parse_args()
    read = ways(options.kind)[options.way]
    body = options.body.read_bytes()
    forget_peak()
    before, began = peak_mb(), time.process_time()
    rows = read(body)
    spent, peak = time.process_time() - began, peak_mb() - before
    print(json.dumps({"ms": 1000 * spent, "peak_mb": peak, "rows": hash(tuple(map(repr, rows)))}))


if __name__ == "__main__":
    main()
