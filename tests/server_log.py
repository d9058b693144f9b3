"""Messages that the server's log may not have during a test, whatever the sessions of the test received."""

import os
import re
from pathlib import Path

# An internal error, which a user cannot cause, with its place in the code and its statement.
INTERNAL_ERROR = (r"^.* XX\d{3} (?:WARNING|ERROR|FATAL|PANIC):  (?!.*tuple concurrently|.*cannot reindex invalid index).*$"
                  r"(?:\n(?:\t|.* XX\d{3} (?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):).*)*")
LEAK = r"^.*(?:reference|refcount|file) leak.*$"
# Processes that died, and damage that was found, as well.
ALARM = re.compile(rf"{INTERNAL_ERROR}|{LEAK}|^.*(?:TRAP:|PANIC:|was terminated by|terminated abnormally|"
                   r"inconsistent with its query|row to be retracted was not found|cache lookup failed).*$", re.M)
# A user's statement may read an object that is dropped concurrently; a refresh has checked its objects.
ALARM_OF_OURS = re.compile(r"^.* pg_trickle \w+ .*could not open relation with OID.*$", re.M)


class ServerLog:
    """The log of the scratch server from now on; empty without such a server."""

    def __init__(self):
        self.path = Path(os.environ.get("SCRATCH", "/nowhere")) / "server.log"
        self.begin = self.path.stat().st_size if self.path.exists() else 0

    def alarms(self, allowed=r"(?!)"):
        """Returns alarms, each once, except those that contain an allowed text."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.begin)
            text = log.read().decode(errors="replace")
        found = [match[0] for alarm in (ALARM, ALARM_OF_OURS) for match in alarm.finditer(text)]
        return list(dict.fromkeys(alarm for alarm in found if not re.search(allowed, alarm)))
