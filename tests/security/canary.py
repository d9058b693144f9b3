#!/usr/bin/python3 -B
"""Shows by named cases that user code runs only with its owner's rights, and that hidden data stays hidden.

    canary.py [NAME …]      all of them, or these
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from cases_rights import Rights  # noqa: E402: needs the path above
from cases_secrets import Secrets  # noqa: E402
from cases_shares import Shares  # noqa: E402
from database import run_cases  # noqa: E402
from roles import Arena  # noqa: E402

arena = Arena()
try:
    cases = [case for part in (Rights, Secrets, Shares) for case in part(arena).cases()]
    run_cases([case for case in cases if not sys.argv[1:] or case.__name__ in sys.argv[1:]])
finally:
    arena.close()
