"""Scripts are sound: shell scripts for shellcheck, Python files for its compiler."""

import ast
import shutil
import subprocess


def interpreter(path):
    if path.suffix == ".py":
        return "python"
    if path.suffix not in ("", ".sh"):
        return None
    with path.open("rb") as file:
        first = file.readline(200)
    if not first.startswith(b"#!"):
        return None
    return "python" if b"python" in first else "shell" if b"sh" in first else None


def check(top, files):
    if shutil.which("shellcheck") is None:
        yield "shellcheck is missing"
        return
    for path in files:
        kind = interpreter(top / path)
        if kind == "python":
            try:
                ast.parse((top / path).read_text())
            except SyntaxError as error:
                yield f"{path}:{error.lineno}: {error.msg}"
        elif kind == "shell":
            result = subprocess.run(["shellcheck", "-f", "gcc", str(path)], cwd=top, capture_output=True, text=True)
            yield from result.stdout.splitlines()
