#!/usr/bin/env python3
"""Runs one dbt project with dbt-core + dbt-duckdb and with Sluice, and compares what they leave behind.

    python tests/conformance/compare.py PROJECT --dbt dbt --sluice target/debug/sluice

PROJECT is copied twice; its profile must be of type duckdb (`--profiles-dir` names another one). Compared
are the manifests (ids, names, depends_on, config, raw and compiled SQL, and the other fields of nodes,
sources, macros and so on, apart from VOLATILE), the status of every node, and the rows of every relation.
Ends with 1 if something differs. Needs dbt-core, dbt-duckdb and duckdb in the Python that runs it.
"""

import argparse
import csv
import datetime
import decimal
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# What cannot be the same, and why.
VOLATILE = {
    "created_at": "the moment of parsing",
    "root_path": "the folder of the copy",
    "build_path": "dbt sets it only for the node it has just run",
    "compiled_path": "dbt sets it only for nodes that this command compiled",
    "config_call_dict": "not kept by Sluice",
    "sluice": "in the meta of nodes: where the values of columns come from",
}
KINDS = [
    "nodes", "sources", "exposures", "metrics", "groups", "semantic_models", "saved_queries",
    "unit_tests", "docs", "selectors", "disabled", "macros", "parent_map", "child_map",
]


def run(program, arguments, folder, environment):
    """Runs a command and gives its exit code and output."""
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    return done.returncode, done.stdout


def differences(path, ours, theirs, found):
    """Adds every place below `path` where two JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs), key=str):
            if key in VOLATILE:
                continue
            if key not in ours:
                if theirs[key] not in (None, {}, []):
                    found.append((f"{path}.{key}", "missing", theirs[key]))
            elif key not in theirs:
                found.append((f"{path}.{key}", ours[key], "missing"))
            else:
                differences(f"{path}.{key}", ours[key], theirs[key], found)
    elif isinstance(ours, str) and isinstance(theirs, str):
        if ours.split() != theirs.split():
            found.append((path, ours, theirs))
    elif ours != theirs:
        found.append((path, ours, theirs))


def raw_test(node):
    """Whether a test is not one of dbt's own generic ones."""
    test = node.get("test_metadata") or {}
    return bool(test.get("namespace")) or test.get("name") not in (
        "unique", "not_null", "accepted_values", "relationships")


def manifests(ours, theirs):
    """What differs between two manifests."""
    found = []
    for kind in KINDS:
        mine, other = ours.get(kind) or {}, theirs.get(kind) or {}
        # Each tool has its own macros of the packages `dbt` and `dbt_duckdb`; how they are cut is its own.
        builtin = lambda id: kind == "macros" and id.split(".")[1].startswith("dbt") and id.split(".")[1] in (
            "dbt", "dbt_duckdb")
        for id in sorted(set(mine) | set(other)):
            if builtin(id) or (kind == "docs" and id == "doc.dbt.__overview__"):
                continue
            if id not in mine or id not in other:
                found.append((f"{kind}.{id}", id in mine, id in other))
                continue
            a, b = mine[id], other[id]
            if isinstance(a, dict) and a.get("resource_type") == "test" and not raw_test(a):
                # dbt's own generic tests: the same question in other words.
                a, b = {**a, "compiled_code": None}, {**b, "compiled_code": None}
            if kind in ("parent_map", "child_map"):
                a, b = sorted(a), sorted(b)
            if isinstance(a, dict) and "depends_on" in a:
                for side in (a, b):
                    macros = side["depends_on"].get("macros", [])
                    side["depends_on"]["macros"] = sorted(set(
                        m for m in macros if m.split(".")[1] not in ("dbt", "dbt_duckdb")))
                    if "nodes" in side["depends_on"]:
                        side["depends_on"]["nodes"] = sorted(side["depends_on"]["nodes"])
            differences(f"{kind}.{id}", a, b, found)
    return found


def results(folder):
    """The status of every node of the last run."""
    path = pathlib.Path(folder, "target", "run_results.json")
    if not path.is_file():
        return {}
    return {r["unique_id"]: (r["status"], r["failures"]) for r in json.loads(path.read_text())["results"]}


def cell(value):
    """A value as both sides write it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if isinstance(value, (int, float, decimal.Decimal)) or text.replace(".", "", 1).lstrip("-").isdigit():
        return f"{float(text):.9g}"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(".000") if len(text) > 19 and text[10:11] in (" ", "T") else text


def contents(program, folder, environment, manifest, database):
    """What differs between the rows of relations."""
    import duckdb  # pylint: disable=import-outside-toplevel

    found = []
    connection = duckdb.connect(database, read_only=True)
    for id, node in manifest["nodes"].items():
        if node["resource_type"] not in ("model", "seed", "snapshot") or not node.get("relation_name"):
            continue
        if node["resource_type"] == "snapshot":
            continue  # its times are those of the run
        try:
            theirs = connection.execute(f"select * from {node['relation_name']}").fetchall()
        except duckdb.Error as error:
            theirs = str(error).splitlines()[0]
        code, text = run(program, ["-q", "sql", "--format", "csv", "-c", f"select * from {node['relation_name']}"],
                         folder, environment)
        if code or isinstance(theirs, str):
            if not code or not isinstance(theirs, str):
                found.append((f"rows.{id}", text.strip()[:200], str(theirs)[:200]))
            continue
        ours = list(csv.reader(io.StringIO(text)))[1:]
        a = sorted([[cell(v) for v in row] for row in ours], key=str)
        b = sorted([[cell(v) for v in row] for row in theirs], key=str)
        if a != b:
            first = next(((x, y) for x, y in zip(a, b) if x != y), (len(a), len(b)))
            found.append((f"rows.{id}", *first))
    return found


def main():
    """Compares one project."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project")
    parser.add_argument("--root", help="the folder to copy, if local packages lie outside the project")
    parser.add_argument("--dbt", default="dbt")
    parser.add_argument("--sluice", default="target/debug/sluice")
    parser.add_argument("--profiles-dir")
    parser.add_argument("--target")
    parser.add_argument("--parse-only", action="store_true", help="compare manifests without a build")
    parser.add_argument("--show", type=int, default=40, help="how many differences to print")
    options = parser.parse_args()
    sluice = shutil.which(options.sluice) or os.path.abspath(options.sluice)
    flags = ["--profiles-dir", os.path.abspath(options.profiles_dir)] if options.profiles_dir else []
    flags += ["--target", options.target] if options.target else []
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: pathlib.Path(scratch, name, "project") for name in ("sluice", "dbt")}
        environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"}
        root = pathlib.Path(options.root or options.project).resolve()
        ignore = shutil.ignore_patterns("target", ".sluice", "*.duckdb", "logs")
        for folder in folders.values():
            shutil.copytree(root, folder, ignore=ignore, symlinks=True)
        folders = {name: folder / pathlib.Path(options.project).resolve().relative_to(root)
                   for name, folder in folders.items()}
        for folder in folders.values():
            for link in (folder / "dbt_packages").glob("*"):
                if link.is_symlink():  # a local package, which may hold this very project
                    link.unlink()
            if (folder / "packages.yml").is_file() or (folder / "dependencies.yml").is_file():
                run(sluice, ["dbt", "deps", *flags], folder, environment)
        command = ["parse"] if options.parse_only else ["build"]
        codes = {
            "sluice": run(sluice, ["dbt", *command, *flags], folders["sluice"], environment),
            "dbt": run(options.dbt, [*command, *flags], folders["dbt"], environment),
        }
        found = [("exit code", codes["sluice"][0], codes["dbt"][0])] if codes["sluice"][0] != codes["dbt"][0] else []
        loaded = {}
        for name, folder in folders.items():
            path = folder / "target" / "manifest.json"
            if not path.is_file():
                print(f"{name} wrote no manifest:\n{codes[name][1][-3000:]}")
                return 1
            loaded[name] = json.loads(path.read_text())
        found += manifests(loaded["sluice"], loaded["dbt"])
        if not options.parse_only:
            ours, theirs = results(folders["sluice"]), results(folders["dbt"])
            for id in sorted(set(ours) | set(theirs)):
                if ours.get(id) != theirs.get(id):
                    found.append((f"result.{id}", ours.get(id), theirs.get(id)))
            for database in sorted(folders["dbt"].glob("*.duckdb")):
                found += contents(sluice, folders["sluice"], environment, loaded["dbt"], str(database))
        for place, ours, theirs in found[: options.show]:
            print(f"{place}\n    sluice: {json.dumps(ours, default=str)[:300]}\n    dbt:    {json.dumps(theirs, default=str)[:300]}")
        counted = ", ".join(f"{len(loaded['dbt'].get(kind) or {})} {kind}" for kind in KINDS[:2])
        print(f"{len(found)} differences ({counted})")
        return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
