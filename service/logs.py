"""Structured logs: one JSON object a line on stderr for machines, readable lines for a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logs(role: str, *, quiet: bool = False) -> None:
    """Log to stderr: stdout belongs to the command's answer. `quiet` leaves out what merely went well."""
    terminal = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    # Local variables of a traceback's frames hold communities and tokens: they are never shown.
    as_json = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    ours: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer() if terminal else as_json,
    ]
    _set_up_libraries(ours, renderer)
    structlog.configure(
        processors=[*ours, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)


def _set_up_libraries(ours: list[structlog.types.Processor], renderer: structlog.types.Processor) -> None:
    """What libraries log through `logging` comes out in the same form, from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[remove_meta, renderer], foreign_pre_chain=ours)
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
