"""The script of the extension, and the literals of its code, are ASCII: CREATE EXTENSION reads the script, and a client a text,
in the encoding of the database, which may be any. A drawing is written as \\u…, and converted before it is shown.
"""

import re

import cpp

NOT_SHOWN = ("manager/engine/operators/constructs.cpp",)  # the README's table
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def check(top, files):
    for path in files:
        is_script = path.suffix == ".sql" and path.parts[:2] == ("fdw", "surface")
        if not is_script and (not cpp.is_ours(path) or str(path) in NOT_SHOWN):
            continue
        text = (top / path).read_text(encoding="utf-8")
        if not is_script:
            text = COMMENT.sub(lambda match: cpp.blank(match.group()), text)
        for place, char in enumerate(text):
            if not char.isascii():
                yield f"{path}:{cpp.line_of(text, place)}: {char} is not ASCII"
