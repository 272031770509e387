#!/usr/bin/env python3
"""CREATE TABLE AS and MERGE of 5,000,000 rows: the embedded warehouse's Delta tables against DuckDB's own file.

    bench/writes/writes.py                    5,000,000 rows
    bench/writes/writes.py --rows 200000      a quick look

Both engines load the same rows first: `base`, and `changes`, which has as many rows, every other one with the key of a
base row and the rest with new keys. What is measured starts from these tables. See bench/README.md.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import bench  # noqa: E402

WORK = bench.WORK / "writes"
COLUMNS = ["id", "customer", "day", "status", "amount", "quantity", "remark", "changed_at"]
GENERATE = """
copy (
    select {key} as id, (hash(i + {seed}) % 200000)::integer as customer, date '2020-01-01' + (i % 2000)::integer as day,
        ['open', 'paid', 'sent', 'returned'][(1 + hash(i + 2 + {seed}) % 4)::integer] as status,
        ((hash(i + 3 + {seed}) % 10000000) / 100)::decimal(12, 2) as amount, (hash(i + 4) % 50)::integer as quantity,
        'remark ' || hash(i + 5 + {seed}) % 1000000 as remark,
        timestamp '2026-01-01' + interval (i % 86400) second as changed_at
    from range({rows}) as rows(i)
) to '{file}'
"""
MERGE = """
merge into orders as t using changes as s on t.id = s.id
when matched and s.status = 'returned' then delete
when matched then update set {updates}
when not matched then insert ({columns}) values ({values})
"""
SUMS = (
    "select count(*), sum(id), sum(customer), sum(amount), sum(quantity), sum(length(remark)), "
    "count(distinct day), sum(second(changed_at)) from orders"
)


def main():
    arguments = parse()
    bench.install([])
    if pathlib.Path(sys.prefix).resolve() != (bench.WORK / "venv").resolve():
        os.execv(bench.PYTHON, [str(bench.PYTHON), *sys.argv])
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    generate(arguments.rows)
    sluice = (arguments.sluice or bench.built("sluice", ["-p", "sluice"])).resolve()
    ours, theirs = of_sluice(sluice, arguments), of_duckdb(arguments)
    results = {"rows": arguments.rows, "sluice": ours, "duckdb": theirs}
    (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(ours, theirs))
    if ours["sums"] != theirs["sums"]:
        sys.exit(f"The tables differ:\n{ours['sums']}\n{theirs['sums']}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GiB", help="limit of every engine")
    parser.add_argument("--sluice", type=pathlib.Path, help="the binary; built from this checkout if missing")
    return parser.parse_args()


def generate(rows):
    import duckdb

    duckdb.execute(GENERATE.format(key="i", seed=0, rows=rows, file=WORK / "base.parquet"))
    # Even rows of the changes meet a base row, odd ones are new.
    key = f"case when i % 2 = 0 then i else i + {rows} end"
    duckdb.execute(GENERATE.format(key=key, seed=77, rows=rows, file=WORK / "changes.parquet"))


def statements():
    columns = ", ".join(COLUMNS)
    updates = ", ".join(f"{column} = s.{column}" for column in COLUMNS[1:])
    values = ", ".join(f"s.{column}" for column in COLUMNS)
    return {
        "ctas": "create table orders as select * from base",
        "merge": MERGE.format(columns=columns, updates=updates, values=values),
    }


def of_sluice(sluice, arguments):
    from measure import run

    project = WORK / "project"
    project.mkdir()
    limits = f"threads: {arguments.threads}\nmemory_limit: {arguments.memory}\n"
    (project / "sluice.yml").write_text(f"name: writes\n{limits}")

    def sql(text):
        return run([sluice, "-C", project, "sql", "--format", "csv", "-c", text])

    for name in ("base", "changes"):
        place = f"file://{WORK}/{name}.parquet"
        sql(
            f"create table {name} using template (select array_agg(object_construct(*)) from "
            f"table(infer_schema(location => '{place}', ignore_case => true)));\n"
            f"copy into {name} from '{place}' file_format = (type = parquet) match_by_column_name = case_insensitive;"
        )
    measured = {}
    for name, text in statements().items():
        measured[name] = sql(text)
        del measured[name]["stdout"]
    measured["sums"] = sql(SUMS)["stdout"].splitlines()[-1].split(",")
    return measured


def of_duckdb(arguments):
    from measure import run

    def sql(text):
        command = [bench.PYTHON, HERE / "duckdb_peer.py", WORK / "duckdb.db", arguments.threads, arguments.memory]
        measured = run([*command, text])
        return {**measured, **json.loads(measured.pop("stdout").splitlines()[-1])}

    for name in ("base", "changes"):
        sql(f"create table {name} as select * from '{WORK}/{name}.parquet'")
    measured = {name: sql(text) for name, text in statements().items()}
    measured["sums"] = sql(SUMS)["rows"][0]
    return measured


def table(ours, theirs):
    lines = ["| statement | Sluice, CPU s | MiB | DuckDB, CPU s | MiB | CPU x |", "|---|--:|--:|--:|--:|--:|"]
    for name in ("ctas", "merge"):
        left, right = ours[name], theirs[name]
        lines.append(
            f"| {name} | {left['cpu_s']:.2f} | {left['peak_mib']:.0f} | {right['cpu_s']:.2f} "
            f"| {right['peak_mib']:.0f} | {left['cpu_s'] / right['cpu_s']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
