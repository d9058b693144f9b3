"""One header knows PostgreSQL's versions: whoever carries the project to the next one looks there, and nobody else asks."""

HEADER = "manager/pg/versions.hpp"


def check(top, files):
    for path in files:
        if path.suffix in (".cpp", ".hpp") and str(path) != HEADER and "PG_VERSION_NUM" in (top / path).read_text():
            yield f"{path}: asks for PostgreSQL's version, which is {HEADER}'s to know"
