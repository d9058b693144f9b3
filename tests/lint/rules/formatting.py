"""C++ is formatted as .clang-format says; `git ls-files '*.cpp' '*.hpp' | xargs clang-format -i` does it.

Versions of clang-format differ in details. The version of Debian 12 decides; with another one the rule is not available.
"""

import re
import subprocess
from pathlib import Path

MAJOR = "14"
STYLE = Path(__file__).resolve().parents[3] / ".clang-format"
COMPLAINT = re.compile(r"^(\S+?):(\d+):\d+: (?:error|warning): code should be clang-formatted", re.M)


def unavailable():
    """The reason why this rule cannot be checked here, or None."""
    try:
        version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "clang-format is not installed"
    return None if re.search(r"version (\d+)", version)[1] == MAJOR else f"it needs clang-format {MAJOR}"


def check(top, files):
    paths = [str(path) for path in files if path.suffix in (".cpp", ".hpp")]
    seen = set()
    for at in range(0, len(paths), 100):
        result = subprocess.run(["clang-format", "--dry-run", f"--style=file:{STYLE}", *paths[at:at + 100]],
                                cwd=top, capture_output=True, text=True)
        for path, line in COMPLAINT.findall(result.stderr):
            if path not in seen:
                seen.add(path)
                yield f"{path}:{line}: not formatted as .clang-format says"
