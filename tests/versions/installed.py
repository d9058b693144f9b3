#!/usr/bin/python3 -B
"""Shows that the extension compiles without a warning for each other PostgreSQL that is installed with its
headers, and passes the regress tests there if its server is installed as well. With one PostgreSQL there is
nothing to do."""

import glob
import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
from checkout import TOP, copy_sources, plain_environment, verdict  # noqa: E402: needs the path above

INSTALLED = os.environ.get("PG_CONFIGS", "/usr/lib/postgresql/*/bin/pg_config")


def answer(config, option):
    return subprocess.run([config, option], capture_output=True, text=True, check=True).stdout.strip()


def check(config):
    version = answer(config, "--version").split()[1]
    folder = TOP / "build" / "versions" / version.split(".")[0]
    copy_sources(folder)
    environment = dict(plain_environment(), PG_CONFIG=config)
    has_server = (Path(answer(config, "--bindir")) / "initdb").exists()
    command = ["tests/run", "check", "regress"] if has_server else ["make", "-s", f"-j{os.cpu_count()}"]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if has_server:
        subprocess.run(["tests/scratch", "destroy"], cwd=folder, env=environment)
        return verdict(f"PostgreSQL {version}", done.returncode, done.stdout)
    print("ok" if done.returncode == 0 else "not ok", f"PostgreSQL {version}: compiled, there is no server")
    print(done.stdout)
    return done.returncode == 0


own = answer(os.environ.get("PG_CONFIG", "pg_config"), "--includedir-server")
others = [config for config in sorted(glob.glob(INSTALLED))
          if answer(config, "--includedir-server") != own and (Path(answer(config, "--includedir-server")) / "postgres.h").exists()]
if not others:
    print("ok no other PostgreSQL is installed with its headers")
# A list first: each must be run, whatever the results of the ones before.
sys.exit(0 if all([check(config) for config in others]) else 1)
