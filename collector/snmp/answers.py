"""What a fully decoded response says to the question that was asked."""

from __future__ import annotations

from collector.snmp.ask import Answer, Ask, Outcome
from collector.snmp.message import ErrorStatus, Response, VarBind


def answer_of(response: Response, ask: Ask) -> Answer:
    """The values in the order asked, or why there are none."""
    attempts = ask.attempt + 1
    if response.error_status:
        status, index = response.error_status, response.error_index
        detail = f"error-status {error_name(status)} at object {index}; check the agent's access rules"
        return Answer(outcome=Outcome.ERROR, error_status=status, error_index=index, detail=detail, attempts=attempts)
    varbinds = _in_order(response.varbinds, ask.request.names) if ask.in_order else response.varbinds
    if varbinds is None:
        return Answer(
            outcome=Outcome.GARBLED,
            detail="values of other objects than were asked; check the agent",
            attempts=attempts,
        )
    return Answer(outcome=Outcome.OK, varbinds=varbinds, attempts=attempts)


def error_name(status: int) -> str:
    """The field's name of an error-status, its number where RFC 3416 gives none."""
    try:
        first, *rest = ErrorStatus(status).name.split("_")
    except ValueError:
        return str(status)
    return first.lower() + "".join(word.capitalize() for word in rest)


def _in_order(varbinds: tuple[VarBind, ...], names: tuple[bytes, ...]) -> tuple[VarBind, ...] | None:
    """The values in the order asked; None when the answer is about other objects. Agents may reorder."""
    if tuple(varbind.name for varbind in varbinds) == names:
        return varbinds
    by_name = {varbind.name: varbind for varbind in varbinds}
    if len(varbinds) != len(names) or by_name.keys() != set(names):
        return None
    return tuple(by_name[name] for name in names)
