"""Messages that the server's log may not have during a test, whatever the sessions of the test received."""

import os
import re
from pathlib import Path

# Processes that died, damage that was found, and errors that a user cannot cause.
ALARM = re.compile(
    r"TRAP:|PANIC:|was terminated by|terminated abnormally|inconsistent with its query|row to be retracted was not found|cache lookup failed|"
    r"(reference|refcount|file) leak| XX\d{3} (?!.*tuple concurrently|.*cannot reindex invalid index)")
# A user's statement may read an object that is dropped concurrently; a refresh has checked its objects.
ALARM_OF_OURS = re.compile(r" pg_trickle \w+ .*could not open relation with OID")


class ServerLog:
    """The log of the scratch server from now on; empty without such a server."""

    def __init__(self):
        self.path = Path(os.environ.get("SCRATCH", "/nowhere")) / "server.log"
        self.begin = self.path.stat().st_size if self.path.exists() else 0

    def alarms(self, allowed=r"(?!)"):
        """Returns alarming lines, each once, except those that contain an allowed text."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.begin)
            lines = log.read().decode(errors="replace").splitlines()
        found = [line for line in lines if ALARM.search(line) or ALARM_OF_OURS.search(line)]
        return list(dict.fromkeys(line for line in found if not re.search(allowed, line)))
