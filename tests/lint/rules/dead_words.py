"""One word a thing: words that have a better one in this project are not used.

Only words that are never PostgreSQL's own are listed: `record`, `view`, `event`, `offset`,
`queue`, `cache`, `rebuild` and `backend` name things of PostgreSQL's too, and a script cannot tell
which is meant.
"""

import re

DEAD = {
    r"multiplicit\w+": "weight",
    r"bags?": "Z-set",
    r"changesets?": "delta",
    r"cdc buffers?": "change log",
    r"base tables?": "source",
    r"immvs?": "stream table",
    r"state tables?": "arrangement",
    r"cache tables?": "arrangement",
    r"lsns?": "frontier",
    r"unsupported reasons?": "objection",
    r"daemons?": "manager or launcher",
}
# Names of the compatible SQL surface, and of other people's programs.
EXEMPT = re.compile(
    r"(create_|drop_|advance_)?watermark(_group|_groups|_status|s)?\b(?=\s*\(|_)|cdc_mode|check_cdc_health|"
    r"(SM|MED|LG) BAG|BOX,BAG,JAR|pg_lsn|daemon=True|pg_current_wal_lsn|pg_last_wal_replay_lsn|restart_lsn|pg_wal_lsn_diff|XLogRecPtr", re.I)
PATTERN = re.compile(r"(?<![A-Za-z])(?:" + "|".join(f"(?P<w{i}>{word})" for i, word in enumerate(DEAD)) + r")(?![A-Za-z])", re.I)
SUFFIXES = {".cpp", ".hpp", ".def", ".sql", ".md", ".py", ".spec", ""}


def check(top, files):
    for path in files:
        if path.suffix not in SUFFIXES or path.parts[:2] == ("tests", "lint"):
            continue
        for number, line in enumerate((top / path).read_text(errors="replace").splitlines(), 1):
            match = PATTERN.search(EXEMPT.sub("", line))
            if match:
                better = list(DEAD.values())[int(match.lastgroup[1:])]
                yield f"{path}:{number}: \"{match.group(0)}\" is called {better}"
