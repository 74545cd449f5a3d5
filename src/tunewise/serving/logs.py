"""One JSON object a line on standard error: what was asked and how it went, never the text itself.

Texts are written only where the user asked for them. Knows nothing of requests.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import IO

from tunewise.errors import one_line

LOGGER = "tunewise.serving"
SERVER = "uvicorn.error"


class JsonLines(logging.Formatter):
    """Writes a record as a line of JSON; `extra={"fields": …}` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": one_line(record.getMessage()),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def logging_to(stream: IO[str] | None = None) -> logging.Logger:
    """Return the server's logger, writing to a stream; left out: standard error.

    uvicorn's own warnings go the same way; what it says of starting and stopping is said by us.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in ((LOGGER, logging.INFO), (SERVER, logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)
    return logging.getLogger(LOGGER)
