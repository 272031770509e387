#!/usr/bin/env python3
"""TPC-H: the embedded warehouse over its own Delta tables against DuckDB over Parquet and over its native file.

    bench/tpch/tpch.py                    scale 1
    bench/tpch/tpch.py --scale 10 --memory 4GiB
    bench/tpch/tpch.py --queries 1 6 18 --repeat 5

See bench/README.md.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import bench  # noqa: E402

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
WORK = bench.WORK / "tpch"


def main():
    arguments = parse()
    bench.install([])
    if pathlib.Path(sys.prefix).resolve() != (bench.WORK / "venv").resolve():
        os.execv(bench.PYTHON, [str(bench.PYTHON), *sys.argv])
    run = Tpch(arguments)
    run.prepare()
    rows = [run.query(number) for number in arguments.queries]
    (WORK / f"results-{run.scale}.json").write_text(json.dumps({"load": run.load, "queries": rows}, indent=2) + "\n")
    print(run.table(rows))
    if not all(row["same"] for row in rows):
        sys.exit("The engines do not agree on the results.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GiB", help="limit of every engine")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts, for every engine")
    parser.add_argument("--queries", type=int, nargs="+", default=list(range(1, 23)))
    parser.add_argument("--sluice", type=pathlib.Path, help="the binary; built from this checkout if missing")
    return parser.parse_args()


class Tpch:
    def __init__(self, arguments):
        self.scale = arguments.scale
        self.threads = arguments.threads
        self.memory = arguments.memory
        self.repeat = arguments.repeat
        self.sluice = (arguments.sluice or bench.built("sluice", ["-p", "sluice"])).resolve()
        self.parquet = WORK / f"sf{self.scale}"
        self.project = WORK / f"project-{self.scale}"
        self.native = WORK / f"duckdb-{self.scale}.db"
        self.load = {}

    def prepare(self):
        """Data as Parquet files, as tables of a project, and as a DuckDB file. What exists is kept."""
        if not (self.parquet / "lineitem.parquet").exists():
            command = [bench.WORK / "venv/bin/tpchgen-cli", "parquet", "-s", str(self.scale), "-o", self.parquet]
            subprocess.run([*command, "--num-threads", str(self.threads)], check=True)
        if not (self.project / "sluice.yml").exists():
            self.project.mkdir(parents=True, exist_ok=True)
            limits = f"threads: {self.threads}\nmemory_limit: {self.memory}\n"
            (self.project / "sluice.yml").write_text(f"name: tpch\n{limits}")
            self.load["sluice"] = self.load_sluice()
        if not self.native.exists():
            self.load["duckdb"] = self.ask_duckdb("load", [])

    def load_sluice(self):
        statements = [
            f"create table {table} using template (select array_agg(object_construct(*)) from "
            f"table(infer_schema(location => 'file://{self.parquet}/{table}.parquet', ignore_case => true)));\n"
            f"copy into {table} from 'file://{self.parquet}/{table}.parquet' "
            "file_format = (type = parquet) match_by_column_name = case_insensitive;"
            for table in TABLES
        ]
        script = WORK / "load.sql"
        script.write_text("\n".join(statements))
        return self.ask_sluice(script)[0]

    def query(self, number):
        text = (HERE / "queries" / f"q{number:02}.sql").read_text()
        # Clause 2.4.11.3: the fraction is 0.0001 divided by the scale.
        text = text.replace("{fraction}", f"{0.0001 / self.scale:.10f}".rstrip("0"))
        script = WORK / f"q{number:02}.sql"
        script.write_text(text)
        row = {"query": number}
        ours = [self.ask_sluice(script) for _ in range(self.repeat)]
        row["sluice"] = best([figures for figures, _ in ours])
        answers = {"sluice": ours[0][1]}
        for place in ("parquet", "native"):
            theirs = [self.ask_duckdb(place, [script]) for _ in range(self.repeat)]
            row[f"duckdb {place}"] = best([figures for figures, _ in theirs])
            answers[place] = theirs[0][1]
        row["same"] = all(same(answers["sluice"], answers[place]) for place in ("parquet", "native"))
        ratio = row["sluice"]["cpu_s"] / row["duckdb parquet"]["cpu_s"]
        print(f"q{number:02}  {ratio:5.2f}  {'same' if row['same'] else 'DIFFERENT'}", file=sys.stderr)
        return row

    def ask_sluice(self, script):
        from measure import run

        measured = run([self.sluice, "-C", self.project, "sql", "--format", "csv", "-f", script])
        answer = list(csv.reader(measured.pop("stdout").splitlines()))[1:]
        return measured, answer

    def ask_duckdb(self, place, scripts):
        from measure import run

        command = [bench.PYTHON, HERE / "duckdb_peer.py", place, self.parquet, self.native]
        measured = run([*command, str(self.threads), self.memory, *scripts])
        answer = json.loads(measured.pop("stdout").splitlines()[-1])
        # The statement alone: starting Python is not DuckDB's fault.
        measured["cpu_s"], measured["wall_s"] = answer["cpu_s"], answer["wall_s"]
        return measured, answer["rows"]

    def table(self, rows):
        lines = [
            "| query | sluice CPU s | DuckDB Parquet CPU s | DuckDB native CPU s | CPU x | memory x | same |",
            "|--:|--:|--:|--:|--:|--:|---|",
        ]
        ratios = []
        for row in rows:
            ours, theirs, native = row["sluice"], row["duckdb parquet"], row["duckdb native"]
            ratios.append(ours["cpu_s"] / theirs["cpu_s"])
            memory = ours["peak_mib"] / theirs["peak_mib"]
            lines.append(
                f"| {row['query']} | {ours['cpu_s']:.2f} | {theirs['cpu_s']:.2f} | {native['cpu_s']:.2f} "
                f"| {ratios[-1]:.2f} | {memory:.2f} | {'yes' if row['same'] else 'NO'} |"
            )
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        lines.append(f"\nGeometric mean of CPU against DuckDB on Parquet: {mean:.2f}; the slowest: {max(ratios):.2f}")
        return "\n".join(lines)


def best(measurements):
    """The run that cost the least CPU, with the highest memory of all."""
    least = min(measurements, key=lambda figures: figures["cpu_s"])
    return {**least, "peak_mib": max(figures["peak_mib"] for figures in measurements)}


def same(ours, theirs):
    """Same rows in the same order; numbers may differ from the seventh digit, where an engine uses floats."""
    if len(ours) != len(theirs):
        return False
    return all(
        len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
        for left, right in zip(ours, theirs, strict=True)
    )


def equal(ours, theirs):
    theirs = "" if theirs is None else str(theirs)
    try:
        return math.isclose(float(ours), float(theirs), rel_tol=1e-6, abs_tol=1e-6)
    except ValueError:
        return ours == theirs


if __name__ == "__main__":
    main()
