"""One word a thing: words that have a better one in this project are not used.

Only words that are never PostgreSQL's own are listed for all files: `record`, `view`, `event`, `offset`,
`queue`, `cache`, `rebuild` and `backend` name things of PostgreSQL's too, and a script cannot tell
which is meant.

Texts that users read obey a longer list, of the words that persons and translations bring in: a text says what a thing
does, in the field's own words. Such texts are Markdown files, string literals of C++ that hold more than a word, and COMMENTs
and other literals of the SQL surface. Comments of the code obey it, too, and do not begin with "Of", "The same" or "What".
So do comments of regress tests and isolation specs, in which the names of cases are read as the words that underscores
separate; these do not begin with "Whether" or "Who" either.
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
DEAD_IN_TEXTS = {
    r"whoever|whom(ever)?|who is named": "the role, session or process that is meant",
    r"(no|some|every|any)bod(y|y's)": "the role, session or process that is meant",
    r"anew": "again, or by a full refresh",
    r"in vain": "without success",
    r"tells?|told|telling": "says, shows, reports",
    r"wish(es|ed)?": "wants, or needs",
    r"(take|takes|taken|took|taking) (along|in)": "refreshes as well; applies",
    r"rests?|resting|restless": "throttled, held, suspended or time-dependent",
    r"staler": "exceeds its maximum staleness",
    r"left alone|leaves? (it|them) alone": "not refreshed",
    r"bonds?|mates?|kin": "atomic set",
    r"diffs?": "delta",
    r"sync(s|ed)?": "refresh",
    r"so-manieth|by itself so": "n-th; for this reason",
}
# Names of the compatible SQL surface, and of other people's programs; what a glossary strikes out.
EXEMPT = re.compile(
    r"~~[^~]*~~|(create_|drop_|advance_)?watermark(_group|_groups|_status|s)?\b(?=\s*\(|_)|cdc_mode|check_cdc_health|"
    r"what runs as whom|subtype_diff|(SM|MED|LG) BAG|BOX,BAG,JAR|pg_lsn|daemon=True|pg_current_wal_lsn|pg_current_wal_insert_lsn|pg_last_wal_replay_lsn|restart_lsn|pg_wal_lsn_diff|XLogRecPtr", re.I)
SUFFIXES = {".cpp", ".hpp", ".def", ".sql", ".md", ".py", ".spec", ""}
BEGINS_BADLY = {
    "comment": re.compile(r"(?:/\*+|//|--)\s*(?P<word>Of|The same|What)\b"),
    "test comment": re.compile(r"(?:--|#)\s*(?P<word>(?:Of|The same|What|Whether|Who)\b|(?:of|the_same|what|whether|who)(?=_))"),
}
TEST_COMMENT = re.compile(r"[ \t]*(?P<comment>--.*)")
SPEC_COMMENT = re.compile(r"[ \t]*(?P<comment>(?:--|#).*)")
CPP = re.compile(r'(?P<comment>/\*.*?\*/|//[^\n]*)|R"(?P<mark>\w*)\(.*?\)(?P=mark)"|"(?P<text>(?:\\.|[^"\\\n])*)"'
                 r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#[^\n]*", re.S | re.M)
SQL = re.compile(r"(?P<comment>/\*.*?\*/|--[^\n]*)|'(?P<text>(?:''|[^'])*)'", re.S)


def pattern(words, part="A-Za-z"):
    """Finds one of the words, which is not beside a `part` of another one; the group's number is the word's."""
    named = "|".join(f"(?P<w{i}>{word})" for i, word in enumerate(words))
    return re.compile(rf"(?<![{part}])(?:{named})(?![{part}])", re.I)


PATTERN = pattern(DEAD)
TEXT_PATTERN = pattern(DEAD_IN_TEXTS, "A-Za-z_")  # not in names of columns and functions


def dead_word(line, words, expression):
    match = expression.search(line)
    if match:
        number = int(next(name for name, found in match.groupdict().items() if found)[1:])
        return f"\"{match.group(0)}\" is called {list(words.values())[number]}"
    return None


def parts(path, text):
    """What of the file users read, and the comments that are held to the same words: a kind, a line and the text."""
    if path.suffix == ".md":
        yield from (("text", number, line) for number, line in enumerate(text.splitlines(), 1))
        return
    if path.suffix == ".spec" or (path.parts[0] == "sql" and path.suffix == ".sql"):
        expression = SPEC_COMMENT if path.suffix == ".spec" else TEST_COMMENT
        for number, line in enumerate(text.splitlines(), 1):
            match = expression.match(line)
            if match:
                yield "test comment", number, match.group("comment")
        return
    is_surface = path.parts[:2] == ("fdw", "surface") and path.suffix == ".sql"
    if not is_surface and (path.parts[0] not in ("fdw", "manager") or path.suffix not in (".cpp", ".hpp", ".def")):
        return
    for match in (SQL if is_surface else CPP).finditer(text):
        kind = "comment" if match.group("comment") else "text"
        first = text.count("\n", 0, match.start()) + 1
        for number, line in enumerate((match.group(kind) or "").split("\n"), first):
            if kind == "comment" or " " in line:
                yield kind, number, line


def bad_beginning(kind, line):
    match = kind in BEGINS_BADLY and BEGINS_BADLY[kind].match(line)
    return f"a comment does not begin with \"{match.group('word')}\"" if match else None


def check(top, files):
    for path in files:
        if path.suffix not in SUFFIXES or path.parts[:2] == ("tests", "lint"):
            continue
        text = (top / path).read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found = dead_word(EXEMPT.sub("", line), DEAD, PATTERN)
            if found:
                yield f"{path}:{number}: {found}"
        for kind, number, line in parts(path, text):
            words = line.replace("_", " ") if kind == "test comment" else EXEMPT.sub("", line)
            found = dead_word(words, DEAD_IN_TEXTS, TEXT_PATTERN) or bad_beginning(kind, line)
            if found:
                yield f"{path}:{number}: {found}"
