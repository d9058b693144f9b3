"""Includes go down only.

The rooms in order, the highest first; a file includes its own room and those listed for
it, never a room above. engine and scheduler know neither PostgreSQL nor SQLite; only
catalog knows SQLite; PostgreSQL's headers come after pg/versions/postgres.hpp.
"""

import re

EVERYTHING_BELOW = {
    "engine": set(),
    "scheduler": set(),
    "pg": {"engine", "scheduler"},
    "definition": {"pg"},
    "mailbox": {"pg"},
    "catalog": {"pg"},
    "translate": {"definition", "mailbox", "catalog"},
    "storage": {"definition", "mailbox", "catalog"},
    "capture": {"definition", "mailbox", "catalog"},
    "refresh": {"translate", "storage", "capture"},
    "worker": {"refresh"},
    "fdw": {"refresh"},
}
# Where rooms of one height may see each other, and why.
SIDEWAYS = {
    "storage": {"capture"},     # what apply changes in an upstream goes into its change log
    "definition": {"mailbox", "catalog"},  # a definition announces itself
    "catalog": {"mailbox"},
    "scheduler": {"engine"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
POSTGRES = re.compile(
    r"^(postgres|fmgr|miscadmin|funcapi|pgstat|access/|catalog/|commands/|executor/|foreign/|libpq/|nodes/|"
    r"optimizer/|parser/|port/|postmaster/|replication/|rewrite/|storage/(ipc|lwlock|proc|latch|lmgr|buf|shmem|spin|lock)|"
    r"tcop/|utils/)")
PURE = {"engine", "scheduler"}


def allowed(room):
    seen, open_rooms = set(), {room}
    while open_rooms:
        current = open_rooms.pop()
        seen.add(current)
        open_rooms |= (EVERYTHING_BELOW[current] | SIDEWAYS.get(current, set())) - seen
    return seen


def room_of(path):
    """The room a file lies in; None outside of fdw/ and manager/."""
    parts = path.parts
    if parts[0] == "fdw":
        return "fdw"
    return parts[1] if parts[0] == "manager" and len(parts) > 2 else None


def included_room(name, path):
    """The room an include line leads into; None for headers that are not ours."""
    first = name.split("/")[0]
    if first == "manager" and "/" in name:
        return name.split("/")[1]
    if "/" not in name:
        return room_of(path) if name.endswith(".hpp") else None
    return first if first in EVERYTHING_BELOW and name.endswith((".hpp", ".def")) else None


def check(top, files):
    for path in files:
        room = room_of(path)
        if room is None or path.suffix not in (".cpp", ".hpp", ".def"):
            continue
        if room not in EVERYTHING_BELOW:
            yield f"{path}: {room} is not a room; name it in {__name__}.py and in manager/README.md"
            continue
        knows_postgres = False
        for match in INCLUDE.finditer((top / path).read_text()):
            name = match.group(2)
            if "../" in name:
                yield f"{path}: {name} is named from its own folder, not from manager/ or the top"
                continue
            target = included_room(name, path)
            if target is not None and target not in allowed(room):
                yield f"{path}: {room} may not include {name}"
            if name.startswith("sqlite3") and room != "catalog":
                yield f"{path}: only catalog sees {name}"
            is_postgres = target is None and match.group(1) == '"' and POSTGRES.match(name)
            if is_postgres and room in PURE:
                yield f"{path}: {room} knows nothing of PostgreSQL ({name})"
            elif is_postgres and not knows_postgres and name != "postgres.h":
                yield f"{path}: {name} comes before pg/versions/postgres.hpp"
            knows_postgres |= target is not None or name == "postgres.h"
