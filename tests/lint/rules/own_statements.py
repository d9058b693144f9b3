"""Objects of the extension are created by PostgreSQL's C functions. A utility statement would fire event
triggers, follow the session's settings and find its names by the search path.

Each file that runs statements is listed with their origin; and the code contains no text of a utility
statement, except to show it.
"""

import re

RUNNING = {
    "fdw/sql/ddl_statements.cpp": "an SQL function is its statement: the caller's, with the caller's rights",
    "fdw/functions/bulk.cpp": "calls the function for one stream table as the caller",
    "fdw/sql/extension_tables.cpp": "SELECT, INSERT, UPDATE and DELETE on rows of the extension",
}
SHOWING = {
    "fdw/sql/ddl_statements.cpp": "what is shown to hooks, and by export_definition(), as the text of the caller's statement",
    "manager/refresh/program/missing_index.cpp": "advice to the user",
    "manager/definition/storage_parameters.cpp": "parsed for its list of parameters, and never run",
}
RUNS = re.compile(r"\b((?:standard_)?ProcessUtility|run_statement|SPI_exec\w*|SPI_prepare\w*|SPI_cursor_open\w*)\s*\(|\b(SPI_OK_UTILITY)\b")
OBJECTS = r"(?:(?:OR REPLACE|UNIQUE|FOREIGN|TEMP|UNLOGGED|MATERIALIZED|EVENT) )*(?:TABLE|INDEX|VIEW|SCHEMA|TRIGGER|FUNCTION|TYPE|RULE|SEQUENCE|ROLE)"
TEXT = re.compile(rf'"\s*(?:(?:CREATE|ALTER|DROP) {OBJECTS} [^"]*|(?:TRUNCATE|LOCK|REINDEX|ANALYZE|VACUUM|GRANT|REVOKE) [^"]*)"')
SHOWN = re.compile(r"\b(errmsg|errhint|errdetail|message|detail|hint|return|PreventInTransactionBlock|RequireTransactionBlock)\b")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def check(top, files):
    for path in files:
        if path.suffix not in (".cpp", ".hpp") or path.parts[0] not in ("fdw", "manager"):
            continue
        code = COMMENT.sub(" ", (top / path).read_text())
        runs = sorted({match.group(1) or match.group(2) for match in RUNS.finditer(code)})
        if runs and str(path) not in RUNNING:
            yield f"{path}: runs statements ({', '.join(runs)}); say whose in {__name__}.py"
        elif not runs and str(path) in RUNNING:
            yield f"{path}: runs no statements any more; take it off the list in {__name__}.py"
        if str(path) in SHOWING:
            continue
        for match in TEXT.finditer(code):
            line = code[code.rfind("\n", 0, match.start()) + 1:match.start()]
            if not SHOWN.search(line):
                yield f"{path}: text of a utility statement: {match.group(0)}"
