"""Raw files to bronze, quarantine and silver Parquet with DuckDB: `duckdb_silver.py LANDING OUT THREADS FORMAT`."""

import json
import pathlib
import sys
import time

import duckdb

import contract


def main(landing, out, threads, form):
    started = time.perf_counter()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": int(threads), "temp_directory": str(out / "spill")})
    reads = [read(encoding, paths, form) for encoding, paths in contract.files(landing, form) if paths]
    phases = {"start": time.perf_counter() - started}

    started = time.perf_counter()
    db.execute(f"copy ({' union all '.join(reads)}) to '{out}/bronze.parquet' (compression zstd)")
    phases["bronze"] = time.perf_counter() - started

    started = time.perf_counter()
    db.execute(
        f"""create temp view judged as
        with typed as (
            select {contract.typed_columns("duckdb")}, run_date, filename from '{out}/bronze.parquet'
        )
        select *, {contract.RULES} as _rule from typed"""
    )
    db.execute(
        f"""copy (select * from judged where _rule is not null)
        to '{out}/quarantine.parquet' (compression zstd)"""
    )
    phases["quarantine"] = time.perf_counter() - started

    started = time.perf_counter()
    db.execute(
        f"""copy (
            select * exclude (_rule) from judged where _rule is null qualify {contract.WINNER} = 1
        ) to '{out}/silver.parquet' (compression zstd)"""
    )
    phases["silver"] = time.perf_counter() - started

    bronze = db.execute(f"select count(*) from '{out}/bronze.parquet'").fetchone()[0]
    rules = db.execute(f"select _rule, count(*) from '{out}/quarantine.parquet' group by 1").fetchall()
    silver = db.execute(f"select {contract.FIGURES} from '{out}/silver.parquet'").fetchone()
    print(json.dumps(contract.report(phases, bronze, rules, silver)))


def read(encoding, paths, form):
    hive = "filename = true, hive_partitioning = true, hive_types = {'run_date': 'varchar'}"
    if form == "ndjson":
        names = ", ".join(f"'{name}': 'varchar'" for name in contract.HEADER)
        columns = ", ".join(f'"{name}" as {column}' for name, column in zip(contract.HEADER, contract.COLUMNS))
        return f"""select {columns}, run_date, filename from read_json({paths!r}, format = 'newline_delimited',
            columns = {{{names}}}, {hive})"""
    names = ", ".join(f"'{name}': 'varchar'" for name in contract.COLUMNS)
    return f"""select * from read_csv({paths!r}, header = true, delim = ',', quote = '"', escape = '"',
        columns = {{{names}}}, encoding = '{encoding}', {hive})"""


if __name__ == "__main__":
    main(*sys.argv[1:])
