"""META.json has the fields that the PGXN Meta Spec 1.0.0 requires, and names the release that is built.

The release is RELEASE in the Makefile; pg_trickle.control and the first entry of CHANGELOG.md have the same.
The distribution does not have the name of the extension, which is taken on PGXN by a public extension of
another origin.
"""

import json
import re
from pathlib import Path

META = Path("META.json")
REQUIRED = ["abstract", "maintainer", "license", "provides", "name", "version", "meta-spec"]
LICENSES = {"agpl_3", "apache_1_1", "apache_2_0", "artistic_1", "artistic_2", "bsd", "freebsd", "gfdl_1_2", "gfdl_1_3",
            "gpl_1", "gpl_2", "gpl_3", "lgpl_2_1", "lgpl_3_0", "mit", "mozilla_1_0", "mozilla_1_1", "openssl", "perl_5",
            "postgresql", "qpl_1_0", "ssleay", "sun", "zlib", "open_source", "restricted", "unrestricted", "unknown"}
SEMANTIC = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$")


def found(top, name, pattern):
    match = re.search(pattern, (top / name).read_text(), re.M) if (top / name).exists() else None
    return match.group(1) if match else None


def wrong_meta(top, meta, release):
    for field in REQUIRED:
        if not meta.get(field):
            yield f"lacks the field {field}"
    if meta.get("license") not in LICENSES:
        yield f"the license {meta.get('license')} is not in the specification's list"
    versions = [meta.get("version", "")] + [each.get("version", "") for each in meta.get("provides", {}).values()]
    for version in versions:
        if not SEMANTIC.match(version):
            yield f"\"{version}\" is not a semantic version"
        elif release and not version.startswith(release + "."):
            yield f"is of version {version}, the Makefile of {release}"
    for name, each in meta.get("provides", {}).items():
        if name == meta.get("name"):
            yield f"the distribution is named {name}, as the extension"
        for field in ("file", "docfile"):
            if field in each and not (top / each[field]).is_file():
                yield f"names {each[field]}, which is not there"
        if "file" not in each:
            yield f"names no file of {name}"


def check(top, files):
    if META not in files:
        return
    release = found(top, "Makefile", r"^RELEASE\s*=\s*(\S+)")
    for complaint in wrong_meta(top, json.loads((top / META).read_text()), release):
        yield f"{META}: {complaint}"
    for name, pattern in (("pg_trickle.control", r"^default_version = '([^']*)'"), ("CHANGELOG.md", r"^## (\d[\d.]*)")):
        if release and found(top, name, pattern) != release:
            yield f"{name}: is of version {found(top, name, pattern)}, the Makefile of {release}"
