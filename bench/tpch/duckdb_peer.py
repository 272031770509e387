"""DuckDB's side of TPC-H: `load` makes the native file; `parquet` and `native` answer one query."""

import json
import pathlib
import resource
import sys
import time
from decimal import Decimal

import duckdb

place, parquet, native, threads, memory, *scripts = sys.argv[1:]
files = sorted(pathlib.Path(parquet).glob("*.parquet"))
connection = duckdb.connect(native if place != "parquet" else ":memory:", read_only=place == "native")
connection.execute(f"set threads to {int(threads)}")
connection.execute(f"set memory_limit = '{memory}'")
if place == "parquet":
    for file in files:
        connection.execute(f"create view {file.stem} as select * from '{file}'")


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


cpu, wall = spent(), time.perf_counter()
rows = []
if place == "load":
    for file in files:
        connection.execute(f"create table {file.stem} as select * from '{file}'")
else:
    rows = connection.execute(pathlib.Path(scripts[0]).read_text()).fetchall()
figures = {"cpu_s": spent() - cpu, "wall_s": time.perf_counter() - wall}


def shown(value):
    return str(value) if isinstance(value, Decimal) or hasattr(value, "isoformat") else value


print(json.dumps({**figures, "rows": [[shown(value) for value in row] for row in rows]}))
