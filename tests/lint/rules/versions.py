"""Only the headers manager/pg/versions/*.hpp depend on PostgreSQL's versions: a port to the next one changes
these, and no other file."""

HEADERS = "manager/pg/versions/*.hpp"


def check(top, files):
    for path in files:
        if path.suffix in (".cpp", ".hpp") and not path.match(HEADERS) and "PG_VERSION_NUM" in (top / path).read_text():
            yield f"{path}: asks for PostgreSQL's version, which is {HEADERS}'s to know"
