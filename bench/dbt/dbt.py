#!/usr/bin/env python3
"""`sluice dbt` against dbt-core 1.12 and the preview of dbt v2, both on DuckDB. See bench/README.md.

    bench/dbt/dbt.py                        generated projects of 1,000 and 5,000 models
    bench/dbt/dbt.py --models 200           smaller
    bench/dbt/dbt.py --project FOLDER       a project with a profile of type duckdb, for example jaffle_shop_duckdb
    bench/dbt/dbt.py --engines sluice v2    some engines only
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import bench  # noqa: E402

WORK = bench.WORK / "dbt"
V1, V2 = WORK / "v1", WORK / "v2"
# The last wheel of dbt v2 that holds the program; later packages fetch it while they are installed.
V2_PACKAGE = "dbt==2.0.0rc196"
# DuckDB's library as dbt v2's driver loads it.
DUCKDB_PACKAGE = "@duckdb/node-bindings-linux-x64@1.5.6-r.1"
ENGINES = ["sluice", "v2", "v1"]
# What is run one after the other in one copy of the project.
STEPS = [
    ("cold parse", ["parse"]),
    ("unchanged parse", ["parse"]),
    ("list one", ["ls", "--select", "{one}"]),
    ("build", ["build"]),
    ("build again", ["build"]),
]


def main():
    arguments = parse()
    bench.install([])
    if pathlib.Path(sys.prefix).resolve() != (bench.WORK / "venv").resolve():
        os.execv(bench.PYTHON, [str(bench.PYTHON), *sys.argv])
    install(arguments.engines)
    sluice = (arguments.sluice or bench.built("sluice", ["-p", "sluice"])).resolve()
    results = []
    for title, make in projects(arguments):
        for engine in arguments.engines:
            for row in steps(engine, sluice, title, make, arguments.threads):
                results.append(row)
                print(line(row), flush=True)
    (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print("\n" + table(results))
    if any(row["exit_code"] for row in results):
        sys.exit("A command failed.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=int, nargs="*", default=None)
    parser.add_argument("--project", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sluice", type=pathlib.Path, help="the binary; built from this checkout if missing")
    arguments = parser.parse_args()
    if arguments.models is None:
        arguments.models = [] if arguments.project else [1000, 5000]
    return arguments


def install(engines):
    """The peers, with pip and npm, into bench/work/dbt."""
    WORK.mkdir(parents=True, exist_ok=True)
    if "v1" in engines and not (V1 / "bin" / "dbt").exists():
        venv.create(V1, with_pip=True)
        # dbt-core 1.12 names a package that only fetches dbt v2; nothing here needs it.
        pip(V1, "--no-deps", "-r", HERE / "requirements.txt")
    if "v2" in engines and not (V2 / "driver" / "duckdb.toml").exists():
        venv.create(V2, with_pip=True)
        pip(V2, "--no-deps", V2_PACKAGE)
        driver = V2 / "driver"
        driver.mkdir(exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", DUCKDB_PACKAGE], cwd=driver, check=True, text=True, stdout=subprocess.PIPE
        ).stdout.strip()
        with tarfile.open(driver / packed) as archive:
            archive.extractall(driver, filter="data")
        library = next((driver / "package").glob("libduckdb.so"))
        for name in ("libduckdb.so", "libadbc_driver_duckdb.so"):
            shutil.copy(library, driver / name)
        (driver / "duckdb.toml").write_text(
            f'[ADBC]\nversion = "1.1.0"\n[Driver]\nentrypoint = "duckdb_adbc_init"\nshared = "{driver}"\n'
        )


def pip(environment, *what):
    subprocess.run([environment / "bin" / "python", "-m", "pip", "install", "-q", *what], check=True)


def projects(arguments):
    import generate

    for count in arguments.models:
        yield f"{count} models", lambda folder, count=count: generate.project(count, folder, arguments.threads)
    for project in arguments.project:
        keep = shutil.ignore_patterns("target", "logs", "*.duckdb", ".sluice", ".git")
        yield project.name, lambda folder, project=project: shutil.copytree(project, folder, ignore=keep)


def steps(engine, sluice, title, make, threads):
    folder = WORK / "projects" / f"{title.replace(' ', '-')}-{engine}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    make(folder)
    environment = {**os.environ, "DBT_PROFILES_DIR": str(folder), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    program = {
        "sluice": [sluice, "dbt"],
        "v1": [V1 / "bin" / "dbt"],
        "v2": [V2 / "bin" / "dbt"],
    }[engine]
    if engine == "v2":
        driver = str(V2 / "driver")
        environment |= {"ADBC_DRIVER_PATH": driver, "LD_LIBRARY_PATH": driver}
    import measure

    for step, command in STEPS:
        command = [part.format(one="model_0") for part in command]
        if step == "list one" and not (folder / "models" / "layer_0").exists():
            continue
        if "build" in command:
            command += ["--threads", str(threads)]
        done = measure.run([*program, *command], cwd=folder, env=environment, check=False)
        yield {
            "project": title, "step": step, "engine": engine, "exit_code": done["exit_code"],
            "cpu_s": done["cpu_s"], "wall_s": done["wall_s"], "peak_mib": done["peak_mib"],
        }


def line(row):
    failed = f"  (ended with {row['exit_code']})" if row["exit_code"] else ""
    return (
        f"{row['project']:>14} {row['step']:>15} {row['engine']:>6}: {row['cpu_s']:7.2f} CPU s "
        f"{row['wall_s']:7.2f} s {row['peak_mib']:6.0f} MiB{failed}"
    )


def table(results):
    """A Markdown table, an engine's CPU seconds and peak memory in each column."""
    engines = list(dict.fromkeys(row["engine"] for row in results))
    lines = ["| project | step | " + " | ".join(f"{engine}, CPU s | MiB" for engine in engines) + " |"]
    lines.append("|---|---|" + "--:|--:|" * len(engines))
    places = dict.fromkeys((row["project"], row["step"]) for row in results)
    found = {(row["project"], row["step"], row["engine"]): row for row in results}
    for project, step in places:
        cells = []
        for engine in engines:
            row = found.get((project, step, engine))
            cells += [f"{row['cpu_s']:.2f}", f"{row['peak_mib']:.0f}"] if row and not row["exit_code"] else ["–", "–"]
        lines.append(f"| {project} | {step} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
