"""Code runs with the rights of the current user or, by AsOwner, of a stream table's owner in a restricted
operation; never as the superuser.

Each file that names a switch of rights, or the bootstrap superuser, is listed with the reason why no code and
no text of a user runs under it. A listed file without such a name is refused too: the list only gets shorter.
"""

import re

ALLOWED = {
    "manager/pg/rights.hpp": "defines the switches; AsOwner is the one that any file may use",
    "manager/worker/launcher.cpp": "a process without a user; it runs no SQL, and reads catalogs only",
    "manager/worker/refresher/refresh_worker.cpp": "connects processes without a user; they run what is of a stream table below AsOwner, or call C functions that evaluate nothing",
    "manager/pg/database_settings.cpp": "names the role whose settings background workers begin with, to read them",
    "fdw/sql/extension_tables.cpp": "constant statements of ours over rows of the extension; what a user gives is a parameter of type text",
    "fdw/read/planner_expansion.cpp": "nothing runs under it: the planner compares it with the privileges on a storage before it uses statistics, for a role that may read all columns",
    "fdw/functions/upgrade.cpp": "names the owner of a reserved schema that a C function makes, and the role that places storages as the extension has recorded",
    "fdw/functions/restored_storage.cpp": "a C function moves empty heaps of ours to a tablespace, and evaluates nothing",
}
RIGHTS = re.compile(r"\b(AsSuperuser|UserSwitch|SetUserId\w*|BOOTSTRAP_SUPERUSERID|BackgroundWorkerInitializeConnection\w*)\b")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def check(top, files):
    for path in files:
        if path.suffix not in (".cpp", ".hpp") or path.parts[0] not in ("fdw", "manager"):
            continue
        code = COMMENT.sub(" ", (top / path).read_text())
        found = sorted(set(RIGHTS.findall(code)))
        if found and str(path) not in ALLOWED:
            yield f"{path}: switches rights ({', '.join(found)}); use AsOwner, or give the argument in {__name__}.py"
        elif not found and str(path) in ALLOWED:
            yield f"{path}: switches no rights any more; take it off the list in {__name__}.py"
