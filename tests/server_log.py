"""What the server's log may not say while a test runs, whatever the sessions of the test were told."""

import os
import re
from pathlib import Path

# A process that died, damage that was found, and errors that no user can be the reason of.
ALARM = re.compile(
    r"TRAP:|PANIC:|was terminated by|terminated abnormally|inconsistent with its query|row to be retracted was not found|cache lookup failed|"
    r"(reference|refcount|file) leak| XX\d{3} (?!.*tuple concurrently)")
# A user's statement may meet what is dropped beside it, a refresh has looked for what it reads.
ALARM_OF_OURS = re.compile(r" pg_trickle \w+ .*could not open relation with OID")


class ServerLog:
    """The log of the scratch server from now on. Without one there is nothing to be found in it."""

    def __init__(self):
        self.path = Path(os.environ.get("SCRATCH", "/nowhere")) / "server.log"
        self.begin = self.path.stat().st_size if self.path.exists() else 0

    def alarms(self, allowed=r"(?!)"):
        """Lines, each once, but those with something allowed in them."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.begin)
            lines = log.read().decode(errors="replace").splitlines()
        found = [line for line in lines if ALARM.search(line) or ALARM_OF_OURS.search(line)]
        return list(dict.fromkeys(line for line in found if not re.search(allowed, line)))
