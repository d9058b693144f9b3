"""Fetches PostgreSQL's source: Debian's source package, from the mirror that this machine's apt uses."""

import re
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(command, **options):
    done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command}\n{done.stdout[-4000:]}")
    return done.stdout


def installed_major():
    return re.search(r"\d+", run("pg_config --version"))[0]


def fetch_source(folder, major=None, suite=None):
    """Returns the folder, below the given one, of the newest source of this machine's release in its suite, or of another
    release, which another suite has. Mirrors need not have the sources of security updates, so the server may be newer."""
    major = major or installed_major()
    address, own_suite = run("apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 'Origin: Debian' "
                             "'Label: Debian'").split()[:2]
    sources, lists = folder / "sources.list", folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    sources.write_text(f"deb-src [signed-by={KEYRING}] {address} {suite or own_suite} main\n")
    apt = (f"apt-get -o Dir::Etc::sourcelist={sources} -o Dir::Etc::sourceparts=- -o Dir::State::lists={lists} "
           "-o Acquire::Check-Valid-Until=false")
    run(f"{apt} update && {apt} source --download-only postgresql-{major}", cwd=folder)
    run("tar -xf postgresql-*.orig.tar.*", cwd=folder)
    return next(path for path in folder.glob(f"postgresql-{major}.*") if path.is_dir())
