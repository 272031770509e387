#!/usr/bin/env python3
"""Sluice against DuckDB, polars and Spark + Delta on the retail example. See bench/README.md.

    bench/bench.py                      everything on 5,000,000 rows
    bench/bench.py --rows 200000        smaller
    bench/bench.py --engines duckdb     some engines only
    bench/bench.py silver merge start   some benchmarks only
    bench/bench.py silver --format ndjson --engines sluice duckdb polars
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import venv
from decimal import Decimal

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = HERE / "work"
PYTHON = WORK / "venv" / "bin" / "python"
ENGINES = ["sluice", "duckdb", "polars", "spark"]
# What reads newline-delimited JSON here, and what merges.
NDJSON_ENGINES = ["sluice", "duckdb", "polars"]
MERGING_ENGINES = ["sluice", "spark"]
CHANGES_DAY = "run_date=2026-12-31"


def main():
    arguments = parse()
    install(arguments.engines)
    if pathlib.Path(sys.prefix).resolve() != (WORK / "venv").resolve():
        os.execv(PYTHON, [str(PYTHON), str(HERE / "bench.py"), *sys.argv[1:]])
    bench = Bench(arguments)
    results = {"rows": arguments.rows, "threads": arguments.threads, "machine": machine()}
    for name in arguments.benchmarks:
        results[name] = getattr(bench, name)()
        (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    print(f"\nDetails: {WORK / 'results.json'}")
    if any(not result.get("same", True) for result in results.values() if isinstance(result, dict)):
        sys.exit("The engines do not agree on the results.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    # Each name is a method of Bench.
    parser.add_argument("benchmarks", nargs="*", help="silver, merge, start")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--format", choices=["csv", "ndjson"], default="csv", help="of the input of `silver`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--spark-memory", default="4g", help="Spark's driver memory")
    parser.add_argument("--sluice", type=pathlib.Path, help="the binary; built from this checkout if missing")
    arguments = parser.parse_args()
    arguments.benchmarks = arguments.benchmarks or ["silver", "merge", "start"]
    for name in arguments.benchmarks:
        if name not in ("silver", "merge", "start"):
            parser.error(f"there is no benchmark `{name}`: silver, merge, start")
    if arguments.format == "ndjson":
        if arguments.benchmarks != ["silver"]:
            parser.error("`--format ndjson` is for `silver` alone")
        arguments.engines = [engine for engine in arguments.engines if engine in NDJSON_ENGINES]
    return arguments


def install(engines):
    """Peers and their jars, with pip and Maven, into bench/work."""
    environment(WORK, HERE / "requirements.txt")
    if "spark" in engines and not any((WORK / "jars").glob("*.jar")):
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={WORK / 'jars'}"]
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", *copy], check=True)


def environment(work, requirements):
    """A Python environment `work/venv` with the packages of `requirements`, made anew when they change."""
    work.mkdir(parents=True, exist_ok=True)
    wanted = requirements.read_text()
    stamp = work / "venv" / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(work / "venv", with_pip=True)
        subprocess.run([work / "venv" / "bin" / "python", "-m", "pip", "install", "-q", "-r", requirements], check=True)
        stamp.write_text(wanted)


def machine():
    import psutil

    return {"cpus": os.cpu_count(), "memory_gib": round(psutil.virtual_memory().total / 2**30)}


class Bench:
    def __init__(self, arguments):
        self.rows = arguments.rows
        self.engines = arguments.engines
        self.threads = arguments.threads
        self.spark_memory = arguments.spark_memory
        self.runs = WORK / f"runs-{self.rows}"
        self.data = WORK / f"data-{self.rows}"
        self.format = arguments.format
        self.csv = self.data / "landing" / "sales"
        self.landing = self.csv if self.format == "csv" else self.data / "landing" / "sales-ndjson"
        self.changes = WORK / f"changes-{self.rows}"
        self.sluice = arguments.sluice
        if "sluice" in self.engines and self.sluice is None:
            self.sluice = built("sluice", ["-p", "sluice"])
        if self.sluice is not None:
            self.sluice = self.sluice.resolve()

    def silver(self):
        """Raw files to bronze, quarantine and silver, from nothing."""
        self.generate()
        shutil.rmtree(self.runs, ignore_errors=True)
        result = {engine: getattr(self, f"{engine}_silver")() for engine in self.engines}
        return compared(result, self.expectation())

    def expectation(self):
        return expectation(json.loads((self.data / "demo.json").read_text())["summary"]["truth"])

    def merge(self):
        """One drop of changed rows into the tables that `silver` left."""
        count = self.write_changes()
        result = {
            engine: getattr(self, f"{engine}_merge")() for engine in self.engines if engine in MERGING_ENGINES
        }
        expected = self.expectation()
        expected["bronze"] += count
        expected["silver"]["quantity"] += count
        return {**compared(result, expected), "changed_rows": count}

    def start(self):
        """How long the command line takes before it does anything."""
        if "sluice" not in self.engines:
            return {}
        from measure import cold

        project = ["-C", ROOT / "examples" / "retail"]
        return {
            "sluice --version": cold([self.sluice, "--version"], 31),
            "sluice ls": cold([self.sluice, *project, "ls"], 31),
        }

    def generate(self):
        if not (self.data / "demo.json").exists():
            generator = built("examples/generate", ["-p", "demo", "--example", "generate"])
            subprocess.run([generator, self.data, str(self.rows)], check=True, stdout=subprocess.DEVNULL)
        if not self.landing.exists():
            half = self.landing.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            subprocess.run([PYTHON, HERE / "peers" / "write_ndjson.py", self.csv, half], check=True)
            half.rename(self.landing)

    def write_changes(self):
        """Rows of silver with one piece more each, as the files would say it."""
        source = self.runs / "duckdb" / "silver.parquet"
        if not source.exists():
            self.duckdb_silver()
        count = min(100_000, self.rows // 50)
        target = make(self.changes / CHANGES_DAY) / "changes.csv"
        # A process of its own: what this one has held counts as memory of the processes it starts.
        subprocess.run([PYTHON, HERE / "peers" / "write_changes.py", source, str(count), target], check=True)
        return count

    def duckdb_silver(self):
        return self.peer("duckdb_silver.py", self.landing, self.runs / "duckdb", self.threads, self.format)

    def polars_silver(self):
        return self.peer("polars_silver.py", self.landing, self.runs / "polars", self.threads, self.format)

    def spark_silver(self):
        return self.peer("spark_silver.py", self.landing, *self.spark_arguments())

    def spark_merge(self):
        return self.peer("spark_merge.py", self.changes, *self.spark_arguments())

    def spark_arguments(self):
        return self.runs / "spark", self.threads, WORK / "jars", self.spark_memory

    def peer(self, script, *arguments):
        from measure import run

        measured = run([PYTHON, HERE / "peers" / script, *arguments])
        answer = json.loads(measured.pop("stdout").strip().splitlines()[-1])
        return {**measured, **answer}

    def sluice_silver(self):
        project = self.runs / "sluice"
        for part in ("sluice.yml", "sources", "lake"):
            source = ROOT / "examples" / "retail" / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, make(project) / part)
        if self.format == "ndjson":
            source = project / "sources" / "superstore.yml"
            text = source.read_text().replace(".csv", ".ndjson")
            source.write_text(text.replace('{kind: csv, delimiter: ",", encoding: auto}', "{kind: ndjson, null_values: ['']}"))
        return self.sluice_run(project)

    def sluice_merge(self):
        incoming = self.landing / CHANGES_DAY
        (self.changes / CHANGES_DAY).rename(incoming)
        try:
            return self.sluice_run(self.runs / "sluice")
        finally:
            incoming.rename(self.changes / CHANGES_DAY)

    def sluice_run(self, project):
        from measure import run

        env = {**os.environ, "SUPERSTORE_DIR": str(self.landing)}
        command = [self.sluice, "-C", project, "run", "--threads", str(self.threads)]
        measured = run(command, env=env)
        measured.pop("stdout")

        def query(sql):
            answer = run([self.sluice, "-C", project, "sql", "--format", "csv", "-c", sql], env=env)
            return [line.split(",") for line in answer["stdout"].splitlines()[1:]]

        rows, sales, quantity, profit = query(
            "select count(*), sum(sales), sum(quantity), sum(profit) from SILVER.SALES"
        )[0]
        rules = query("select _rule, count(*) from QUARANTINE.SALES group by 1")
        return {
            **measured,
            "bronze": int(query("select count(*) from BRONZE.SALES")[0][0]),
            "quarantine": {rule: int(count) for rule, count in rules},
            "silver": {
                "rows": int(rows),
                "sales": f"{Decimal(sales):.4f}",
                "quantity": int(Decimal(quantity)),
                "profit": f"{Decimal(profit):.4f}",
            },
        }


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def built(name, arguments):
    """Builds a release binary of this checkout and says where it is."""
    subprocess.run(["cargo", "build", "--release", "-q", *arguments], cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release" / name


def expectation(truth):
    """What the generator says must come out."""
    silver = truth["silver"]
    return {
        "bronze": truth["rows"],
        "quarantine": truth["rules"],
        "silver": {
            "rows": silver["rows"],
            "sales": f"{Decimal(silver['sales_e4']) / 10_000:.4f}",
            "quantity": silver["quantity"],
            "profit": f"{Decimal(silver['profit_e4']) / 10_000:.4f}",
        },
    }


def compared(result, expected):
    """The measurements, and whether every engine has found what it should."""
    answers = [{key: run[key] for key in ("bronze", "quarantine", "silver")} for run in result.values()]
    return {**result, "same": all(answer == expected for answer in answers), "expected": expected}


def table(results):
    lines = ["| benchmark | engine | wall s | CPU s | peak MiB | wall x | CPU x | memory x |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for name in ("silver", "merge", "start"):
        runs = {key: run for key, run in results.get(name, {}).items() if isinstance(run, dict) and "wall_s" in run}
        ours = runs.get("sluice")
        for engine, run in runs.items():
            figures = [f"{run[key]:.3f}" if name == "start" else f"{run[key]:.1f}" for key in ("wall_s", "cpu_s", "peak_mib")]
            ratios = [f"{run[key] / ours[key]:.2f}" if ours else "" for key in ("wall_s", "cpu_s", "peak_mib")]
            lines.append(f"| {name} | {engine} | {' | '.join(figures)} | {' | '.join(ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
