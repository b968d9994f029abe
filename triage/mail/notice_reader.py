"""The process that reads one carrier's mail: raw on stdin, notices as JSON on stdout. Run by `triage.mail.reading`.

Mails are anyone's bytes, and the parsers behind circuit-maintenance-parser are many. So each mail is read by a process
of its own that may not use the network, start others or outgrow its limits, and that dies with what it had.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from email import message_from_bytes
from email.message import Message
from typing import Any

MEMORY_BYTES = 2_000_000_000
"""Address space; the parsers' libraries alone map close to half a gigabyte."""
CPU_SECONDS = 20
CALENDARS = ("text/calendar", "application/ics")
FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system", "os.exec")


def confine() -> None:
    """No network (some parsers would ask a geocoder where a city lies, one would ask a language model), no other
    programs, and an end to what it may take."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    def refuse(event: str, _arguments: tuple[object, ...]) -> None:
        if event in FORBIDDEN:
            raise PermissionError(f"the reading of mails may not use {event}")

    sys.addaudithook(refuse)


def notices_of(raw: bytes, kind: str) -> list[dict[str, Any]]:
    """The notices of a mail, in the words of circuit-maintenance-parser; `kind` is one of its providers, or `generic`.

    Raises whatever its parsers raise.
    """
    from circuit_maintenance_parser import NotificationData, get_provider_class

    if kind == "generic":
        provider = get_provider_class("genericprovider")()
        # The parser reads the last calendar of a mail only; so each is given to it by itself.
        parts = [NotificationData.init_from_raw("ical", content) for content in _calendars(message_from_bytes(raw))]
    else:
        provider = get_provider_class(kind)()
        parts = [NotificationData.init_from_emailmessage(message_from_bytes(raw))]
    found = [notice for data in parts if data is not None for notice in provider.get_maintenances(data)]
    documents = [json.loads(notice.to_json()) for notice in found]
    return [one for at, one in enumerate(documents) if one not in documents[:at]]


def _calendars(message: Message) -> list[bytes]:
    parts = [
        part.get_payload(decode=True)
        for part in message.walk()
        if part.get_content_type() in CALENDARS or (part.get_filename() or "").casefold().endswith(".ics")
    ]
    return [content for content in parts if isinstance(content, bytes)]


def main() -> int:
    raw = sys.stdin.buffer.read()
    logging.disable()
    import circuit_maintenance_parser  # noqa: F401 - loaded before it is confined: its libraries look for programs

    confine()
    # Whatever a parser raises ends the process; a person gets the mail, and is told why in a line.
    sys.excepthook = lambda _kind, error, _trace: print(_why(error), file=sys.stderr)
    print(json.dumps(notices_of(raw, sys.argv[1])))
    return 0


def _why(error: BaseException) -> str:
    """The last of what the parsers of the format said, on one line, without where to read about the error's kind."""
    text = " ".join(str(error).rpartition("failed due to:")[2].split("For further information")[0].split())
    return text or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
