"""No call of get_attname() that may find nothing: it returns a name for a dropped column, too, which its caller takes for a
living one. capture::column_name() returns none."""

import re

CALL = re.compile(r"\bget_attname\((?:[^()]|\([^()]*\))*, true\)")


def check(top, files):
    for path in files:
        if path.suffix not in (".cpp", ".hpp"):
            continue
        for number, line in enumerate((top / path).read_text().split("\n"), 1):
            if CALL.search(line):
                yield f"{path}:{number}: get_attname() has a name for a dropped column"
