#!/usr/bin/env python3
"""Checks the locked dependencies against deny.toml, without a network: licences, bans, sources, advisories.

    .ci/dependencies.py check            fails if a dependency is not what deny.toml allows
    .ci/dependencies.py update FOLDER    rewrites advisories.tsv from a checkout of rustsec/advisory-db

The file of advisories holds facts only: id, crate, kind, the ranges of versions that are patched, and of
those that were never affected. Kinds other than `vulnerability` (unmaintained, unsound, notice) are shown
and pass.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main(arguments):
    match arguments:
        case ["check"]:
            return check()
        case ["update", folder]:
            return update(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)


def check():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    metadata = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline"]
    answer = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True, text=True)
    packages = [package for package in json.loads(answer.stdout)["packages"] if package["source"]]
    errors = [
        *licences(packages, set(rules["licenses"]["allow"])),
        *bans(packages, rules["bans"]["deny"]),
        *sources(packages),
        *advisories(packages, {entry["id"]: entry["reason"] for entry in rules["advisories"]["ignore"]}),
    ]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"dependencies: {len(packages)} crates, {len(errors)} errors")
    return 1 if errors else 0


def licences(packages, allowed):
    for package in packages:
        expression = package["license"]
        if expression is None or not satisfied(expression, allowed):
            yield f"{package['name']} {package['version']} has the licence {expression}"


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences. `/` is the old way to say OR."""
    words = re.findall(r"\(|\)|/|[^\s()/]+", expression)
    place = 0

    def word():
        return words[place] if place < len(words) else None

    def either():
        nonlocal place
        value = both()
        while word() in ("OR", "/"):
            place += 1
            value = both() or value
        return value

    def both():
        nonlocal place
        value = one()
        while word() == "AND":
            place += 1
            value = one() and value
        return value

    def one():
        nonlocal place
        if word() == "(":
            place += 1
            value = either()
            place += 1
            return value
        name = word()
        place += 1
        if word() == "WITH":
            name = f"{name} WITH {words[place + 1]}"
            place += 2
        return name in allowed

    return either() and place == len(words)


def bans(packages, denied):
    for rule in denied:
        versions = [package["version"] for package in packages if package["name"] == rule["crate"]]
        if rule.get("deny-multiple-versions"):
            if len(versions) > 1:
                yield f"{rule['crate']} is there more than once: {', '.join(versions)}"
        elif versions:
            yield f"{rule['crate']} is banned"


def sources(packages):
    registry = "registry+https://github.com/rust-lang/crates.io-index"
    for package in packages:
        if package["source"] != registry:
            yield f"{package['name']} comes from {package['source']}"


def advisories(packages, accepted):
    versions = {}
    for package in packages:
        versions.setdefault(package["name"], []).append(package["version"])
    state, *lines = (ROOT / ".ci" / "advisories.tsv").read_text().splitlines()
    print(f"{len(lines)} advisories, {state.lstrip('# ')}")
    for line in lines:
        identifier, crate, kind, patched, unaffected = line.split("\t")
        for version in versions.get(crate, []):
            ranges = [text for text in f"{patched}|{unaffected}".split("|") if text]
            if any(matches(version, text) for text in ranges):
                continue
            found = f"{identifier}: {crate} {version}, {kind}, patched in {patched or 'no version'}"
            if identifier in accepted:
                print(f"accepted {found}: {accepted[identifier]}")
            elif kind == "vulnerability":
                yield found
            else:
                print(f"note {found}")


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
    (ROOT / ".ci" / "advisories.tsv").write_text("\n".join(lines) + "\n")
    print(lines[0], f"{len(rows)} advisories")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
