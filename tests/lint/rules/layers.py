"""Includes go down only: between rooms, and between the sub-rooms of a room.

A room includes the rooms that ROOMS lists for it, each of which it does include. A sub-room includes those of its room that
FLOORS lists below it. engine and scheduler know neither PostgreSQL nor SQLite; only catalog knows SQLite; PostgreSQL's
headers come after pg/versions/postgres.hpp. A forward declaration is an include in disguise: the namespace of a room is
opened in that room only. A folder holds 20 stems at most.
"""

import re
from collections import defaultdict

ROOMS = {
    "engine": (),
    "scheduler": (),
    "pg": (),
    "mailbox": ("pg", "scheduler"),
    "catalog": ("pg", "scheduler"),
    "definition": ("mailbox", "pg", "scheduler"),
    "storage": ("definition", "engine", "mailbox", "pg"),
    "translate": ("definition", "engine", "pg", "storage"),
    "capture": ("definition", "mailbox", "pg"),
    "setup": ("capture", "definition", "engine", "mailbox", "pg", "scheduler", "storage", "translate"),
    "refresh": ("capture", "catalog", "definition", "engine", "mailbox", "pg", "scheduler", "setup", "storage", "translate"),
    "worker": ("capture", "catalog", "definition", "mailbox", "pg", "refresh", "scheduler", "translate"),
    "fdw": ("capture", "catalog", "definition", "mailbox", "pg", "refresh", "scheduler", "setup", "storage", "translate"),
}
# For each room that has sub-rooms, these from the highest floor to the lowest; "" is the room's own folder.
FLOORS = {
    "engine": (("",), ("operators/recursion",), ("operators/joins", "operators/keyed"), ("operators/aggregates",), ("operators",), ("plan",)),
    "scheduler": (("",), ("graph",), ("time", "cost")),
    "pg": (("",), ("versions",)),
    "catalog": (("",), ("tables",), ("file",)),
    "definition": (("",), ("query", "state")),
    "translate": (("",), ("query",), ("subquery",), ("level",), ("expression",), ("check",)),
    "storage": (("functions",), ("apply",), ("",)),
    "capture": (("",), ("ddl",), ("triggers",), ("log",), ("source",)),
    "refresh": (("",), ("batch",), ("run",), ("program",), ("sets", "request", "code")),
    "worker": (("manager",), ("refresher",), ("",)),
    "fdw": (("",), ("functions", "monitor"), ("sql",), ("ddl",), ("ddl/refusals",), ("definition",), ("read",), ("read/session",), ("scan",)),
}
# Files that include a header outside of their room's list, with the reason.
EXCEPTIONS = {
    ("fdw/module.cpp", "worker/worker.hpp"): "_PG_init registers the launcher",
}
MOST_STEMS = 20
PURE = {"engine", "scheduler"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
NAMESPACE = re.compile(r"^namespace pgtrickle::(\w+)", re.M)
POSTGRES = re.compile(
    r"^(postgres|fmgr|miscadmin|funcapi|pgstat|access/|catalog/|commands/|executor/|foreign/|libpq/|nodes/|"
    r"optimizer/|parser/|port/|postmaster/|replication/|rewrite/|storage/(ipc|lwlock|proc|latch|lmgr|buf|shmem|spin|lock)|"
    r"tcop/|utils/)")


def place_of(parts):
    """Returns room and sub-room of a path below the top; None outside of fdw/ and manager/."""
    if parts[0] == "manager" and len(parts) > 2:
        return parts[1], "/".join(parts[2:-1])
    return ("fdw", "/".join(parts[1:-1])) if parts[0] == "fdw" else None


def target_of(name, path):
    """Returns the place to which an include line leads; None for headers of other projects."""
    if not name.endswith((".hpp", ".def")):
        return None
    parts = name.split("/")
    if len(parts) == 1:
        return place_of(path.parts)
    return place_of(parts) if parts[0] == "fdw" else place_of(["manager", *parts]) if parts[0] in ROOMS else None


def floor_of(room, sub_room):
    return next((number for number, floor in enumerate(FLOORS.get(room, ((("",),)))) if sub_room in floor), None)


def complaints_of(path, text):
    """Returns the violations in the includes of one file, and the rooms that it includes."""
    room, sub_room = place_of(path.parts)
    if room not in ROOMS:
        return [f"{path}: {room} is not a room; name it in layers.py and in manager/README.md"], set()
    floor = floor_of(room, sub_room)
    if floor is None:
        return [f"{path}: {sub_room} is not a sub-room of {room}; name it in layers.py and in manager/README.md"], set()
    wrong, rooms, knows_postgres = [], set(), False
    for match in INCLUDE.finditer(text):
        name = match.group(2)
        if "../" in name:
            wrong.append(f"{path}: {name} is named from its own folder, not from manager/ or the top")
            continue
        target = target_of(name, path)
        if target is not None and (str(path), name) not in EXCEPTIONS:
            other, other_sub_room = target
            if other == room:
                below = floor_of(room, other_sub_room)
                if sub_room != other_sub_room and (below is None or below <= floor):
                    wrong.append(f"{path}: {sub_room or room} may not include {name}")
            else:
                rooms.add(other)
                if other not in ROOMS[room]:
                    wrong.append(f"{path}: {room} may not include {name}")
        if name.startswith("sqlite3") and room != "catalog":
            wrong.append(f"{path}: only catalog sees {name}")
        is_postgres = target is None and match.group(1) == '"' and POSTGRES.match(name)
        if is_postgres and room in PURE:
            wrong.append(f"{path}: {room} knows nothing of PostgreSQL ({name})")
        elif is_postgres and not knows_postgres and name != "postgres.h":
            wrong.append(f"{path}: {name} comes before pg/versions/postgres.hpp")
        knows_postgres |= target is not None or name == "postgres.h"
    wrong += [f"{path}: opens the namespace of {name}" for name in NAMESPACE.findall(text) if name in ROOMS and name != room]
    return wrong, rooms


def check(top, files):
    stems, included = defaultdict(set), defaultdict(set)
    for path in files:
        place = place_of(path.parts)
        if place is None or path.suffix not in (".cpp", ".hpp", ".def"):
            continue
        stems[path.parent].add(path.stem)
        wrong, rooms = complaints_of(path, (top / path).read_text())
        included[place[0]] |= rooms
        yield from wrong
    for folder, names in stems.items():
        if len(names) > MOST_STEMS:
            yield f"{folder}: {len(names)} stems; {MOST_STEMS} at most"
    for room, granted in ROOMS.items():
        for other in granted:
            if room in included and other in included and other not in included[room]:
                yield f"layers.py: {room} may include {other}, and does not"
