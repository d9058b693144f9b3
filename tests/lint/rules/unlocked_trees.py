"""No call of find_all_inheritors() without a lock: it raises an error beside a DROP TABLE of a partition or child.
capture::tree_of() does not."""

import re

CALL = re.compile(r"\bfind_all_inheritors\((?:[^()]|\([^()]*\))*, NoLock,")


def check(top, files):
    for path in files:
        if path.suffix not in (".cpp", ".hpp"):
            continue
        for number, line in enumerate((top / path).read_text().split("\n"), 1):
            if CALL.search(line):
                yield f"{path}:{number}: find_all_inheritors() raises an error beside a DROP TABLE"
