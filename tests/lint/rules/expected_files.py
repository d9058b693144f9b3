"""Each sql/x.sql has an expected/x.out (or x_1.out …), and each expected file its input.

The rule applies to isolation specs, too. An orphan is a test that is never run.
"""

import re
from pathlib import Path

SUITES = [("sql", ".sql", "expected"), ("tests/isolation/specs", ".spec", "tests/isolation/expected")]


def check(top, files):
    for inputs, suffix, outputs in SUITES:
        tests = {path.stem for path in files if path.parent == Path(inputs) and path.suffix == suffix}
        expected = {path.stem for path in files if path.parent == Path(outputs) and path.suffix == ".out"}
        plain = {name if name in tests else re.sub(r"_[0-9]$", "", name) for name in expected}
        for name in sorted(tests - plain):
            yield f"{inputs}/{name}{suffix} has no {outputs}/{name}.out"
        for name in sorted(plain - tests):
            yield f"{outputs}/{name}.out belongs to no {inputs}/{name}{suffix}"
