"""One word a thing: words that have a better one in this project are not used.

Only words that are never PostgreSQL's own are listed: `record`, `view`, `event`, `offset`,
`queue`, `cache`, `rebuild` and `backend` name things of PostgreSQL's too, and a script cannot tell
which is meant.

Documents (README.md, docs/, the decisions and their like) obey a longer list, of the words that persons and
translations bring in: a document says what a thing does, in the field's own words.
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
DEAD_IN_DOCUMENTS = {
    r"whoever|whom|who is named": "the role, session or process that is meant",
    r"(no|some|every|any)bod(y|y's)": "the role, session or process that is meant",
    r"anew": "again, or from nothing",
    r"in vain": "without success",
    r"tells?|told|telling": "says, shows, reports",
    r"wish(es|ed)?": "wants, or needs",
    r"(take|takes|taken|took|taking) (along|in)": "refreshes as well; applies",
    r"rests?|restless": "throttled, held, suspended or time-dependent",
    r"left alone|leaves? (it|them) alone": "not refreshed",
    r"bonds?|mates?|kin": "atomic set",
    r"diffs?": "delta",
    r"sync(s|ed)?": "refresh",
    r"so-manieth|by itself so": "n-th; for this reason",
}
# Names of the compatible SQL surface, and of other people's programs; what a glossary strikes out.
EXEMPT = re.compile(
    r"~~[^~]*~~|(create_|drop_|advance_)?watermark(_group|_groups|_status|s)?\b(?=\s*\(|_)|cdc_mode|check_cdc_health|"
    r"what runs as whom|subtype_diff|(SM|MED|LG) BAG|BOX,BAG,JAR|pg_lsn|daemon=True|pg_current_wal_lsn|pg_last_wal_replay_lsn|restart_lsn|pg_wal_lsn_diff|XLogRecPtr", re.I)


def pattern(words):
    """Finds one of the words; the group's number is the word's."""
    named = "|".join(f"(?P<w{i}>{word})" for i, word in enumerate(words))
    return re.compile(rf"(?<![A-Za-z])(?:{named})(?![A-Za-z])", re.I)


PATTERN = pattern(DEAD)
DOCUMENT_PATTERN = pattern(DEAD_IN_DOCUMENTS)
SUFFIXES = {".cpp", ".hpp", ".def", ".sql", ".md", ".py", ".spec", ""}


def is_document(path, text):
    """Written by hand; not what a script makes of COMMENTs."""
    is_there = str(path) in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
    is_there = is_there or path.parts[0] in ("docs", "manager") and path.suffix == ".md"
    return is_there and not text.startswith("<!-- written by")


def dead_word(line, words, expression):
    match = expression.search(line)
    if match:
        number = int(next(name for name, found in match.groupdict().items() if found)[1:])
        return f"\"{match.group(0)}\" is called {list(words.values())[number]}"
    return None


def check(top, files):
    for path in files:
        if path.suffix not in SUFFIXES or path.parts[:2] == ("tests", "lint"):
            continue
        text = (top / path).read_text(errors="replace")
        lists = [(DEAD, PATTERN)] + ([(DEAD_IN_DOCUMENTS, DOCUMENT_PATTERN)] if is_document(path, text) else [])
        for number, line in enumerate(text.splitlines(), 1):
            for words, expression in lists:
                found = dead_word(EXEMPT.sub("", line), words, expression)
                if found:
                    yield f"{path}:{number}: {found}"
