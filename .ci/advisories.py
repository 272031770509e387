#!/usr/bin/env python3
"""Checks Cargo.lock against the RustSec advisories in .ci/advisories.tsv, without a network.

    .ci/advisories.py check            fails if a locked crate has a known vulnerability
    .ci/advisories.py update FOLDER    rewrites the file from a checkout of rustsec/advisory-db

The file holds facts only: id, crate, kind, the ranges of versions that are patched, and of those that
were never affected. Kinds other than `vulnerability` (unmaintained, unsound, notice) are shown and pass.
"""

import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / ".ci" / "advisories.tsv"

# Advisories that do not concern us, each with the reason.
XML = "object_store reads XML from cloud stores' answers only, and Sluice opens local stores only"
ACCEPTED = {"RUSTSEC-2026-0194": XML, "RUSTSEC-2026-0195": XML}


def main(arguments):
    match arguments:
        case ["check"]:
            return check()
        case ["update", folder]:
            return update(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)


def check():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    crates = {}
    for package in lock["package"]:
        if "source" in package:
            crates.setdefault(package["name"], []).append(package["version"])
    bad = 0
    state, *lines = FILE.read_text().splitlines()
    for line in lines:
        identifier, crate, kind, patched, unaffected = line.split("\t")
        for version in crates.get(crate, []):
            ranges = [text for text in f"{patched}|{unaffected}".split("|") if text]
            if any(matches(version, text) for text in ranges):
                continue
            accepted = ACCEPTED.get(identifier)
            verdict = f"accepted: {accepted}" if accepted else kind
            print(f"{identifier}  {crate} {version}  {verdict}  (patched in {patched or 'no version'})")
            bad += kind == "vulnerability" and accepted is None
    print(f"advisories: {len(lock['package'])} crates, {len(lines)} advisories, {state.lstrip('# ')}")
    return 1 if bad else 0


def matches(version, requirement):
    """Whether a version is in a range such as `>= 1.2.3, < 2.0.0` or `^0.4`."""
    return all(compare(key(version), part.strip()) for part in requirement.split(",") if part.strip())


def compare(version, part):
    operator, text = re.fullmatch(r"(>=|<=|>|<|=|\^|~)?\s*(\S+)", part).groups()
    wanted, given = key(text), text.split("-")[0].split("+")[0].split(".")
    match operator or "^":
        case ">=":
            return version >= wanted
        case "<=":
            return version <= wanted
        case ">":
            return version > wanted
        case "<":
            return version < wanted
        case "=":
            return version[0][: len(given)] == wanted[0][: len(given)]
        case "~":
            kept = max(1, min(2, len(given)))
        case _:
            # Up to and including the first part that is not zero.
            nonzero = [place for place, number in enumerate(given) if number != "0"]
            kept = (nonzero[0] if nonzero else len(given) - 1) + 1
    return version >= wanted and version[0][:kept] == wanted[0][:kept]


def key(version):
    """A version to compare: a pre-release comes before its release."""
    version = version.split("+")[0]
    numbers, _, pre = version.partition("-")
    parts = [int(number) for number in numbers.split(".")]
    parts += [0] * (3 - len(parts))
    identifiers = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in pre.split(".")] if pre else []
    return (tuple(parts), (0, identifiers) if pre else (1, []))


def update(folder):
    rows = []
    for path in sorted((folder / "crates").glob("*/RUSTSEC-*.md")):
        front = re.match(r"```toml\n(.*?)```", path.read_text(), re.DOTALL).group(1)
        advisory = tomllib.loads(front)
        about, versions = advisory["advisory"], advisory["versions"]
        if about.get("withdrawn"):
            continue
        ranges = ["|".join(versions.get(name, [])) for name in ("patched", "unaffected")]
        rows.append([about["id"], about["package"], about.get("informational", "vulnerability"), *ranges])
    log = ["git", "-C", folder, "log", "-1", "--format=%cs %H"]
    state = subprocess.run(log, check=True, capture_output=True, text=True).stdout.strip()
    lines = [f"# rustsec/advisory-db of {state}", *("\t".join(row) for row in rows)]
    FILE.write_text("\n".join(lines) + "\n")
    print(lines[0], f"{len(rows)} advisories")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
