"""What a server without assertions compiles, one with assertions compiles too: castNode() is a function there, which
does not take a pointer to a constant node."""

import re

CONSTANT = re.compile(r"\bconst (?:::)?Node \*(\w+)")
CAST = re.compile(r"\bcastNode\(\w+, (\w+)\)")


def check(top, files):
    for path in files:
        if path.suffix not in (".cpp", ".hpp"):
            continue
        constants = set()
        for number, line in enumerate((top / path).read_text().split("\n"), 1):
            if line.startswith("}"):
                constants.clear()
            constants.update(CONSTANT.findall(line))
            for cast in CAST.finditer(line):
                if cast[1] in constants:
                    yield f"{path}:{number}: castNode() of a pointer to a constant node"
