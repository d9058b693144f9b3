"""Copies of this checkout's sources, each to be built for another PostgreSQL; kept, so that the next build
compiles only changed files."""

import filecmp
import os
import re
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def source_files():
    listed = subprocess.run(["git", "-c", f"safe.directory={TOP}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=TOP, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (TOP / name).is_file()]


def copy_sources(folder):
    """Unchanged files keep their times."""
    folder = Path(folder)
    names = source_files()
    for name in names:
        target = folder / name
        if target.exists() and filecmp.cmp(TOP / name, target, shallow=False):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, target)
    known = set(names)
    for old in [*folder.glob("sql/*"), *folder.glob("expected/*"), *folder.rglob("*.[ch]pp"), *folder.glob("fdw/surface/*")]:
        name = str(old.relative_to(folder))
        if name not in known and not name.startswith("build/"):
            old.unlink()
    # The rules look for files under version control.
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "-q", str(folder)], check=True)


def plain_environment():
    """Returns the environment without the scratch server of the running script; a compiler warning is an
    error."""
    names = ("SCRATCH", "PGHOST", "PGUSER", "PGDATABASE", "PG_CONFIG", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DURATION_S", "QUERIES")
    return dict({name: value for name, value in os.environ.items() if name not in names}, WERROR="1")


def verdict(name, status, output):
    """Prints the result of a run of tests/run, as one case; returns whether all passed."""
    counts = re.findall(r"^\d+ passed, \d+ failed$", output, re.M)
    good = status == 0 and bool(counts)
    print("ok" if good else "not ok", f"{name}: {counts[-1] if counts else 'nothing was run'}", flush=True)
    if not good:
        print("\n".join(output.splitlines()[-80:]), flush=True)
    return good
