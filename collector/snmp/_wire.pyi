"""As in wire.py."""

import socket

from collector.snmp.ask import Ask
from collector.snmp.template import FastValue
from collector.snmp.wire import Answered, Odd

def send(sock: socket.socket, asks: list[Ask]) -> int: ...
def receive(sock: socket.socket, pending: dict[int, Ask]) -> tuple[Answered, Odd]: ...
def pdu_values(ask: Ask, pdu: bytes) -> list[FastValue] | None: ...
