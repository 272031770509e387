"""DuckDB's side of the writes: one statement against its own file, until it is in the file."""

import json
import resource
import sys

import duckdb

file, threads, memory, statement = sys.argv[1:]
connection = duckdb.connect(file)
connection.execute(f"set threads to {int(threads)}")
connection.execute(f"set memory_limit = '{memory}'")


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# Starting Python is not DuckDB's fault.
before = spent()
rows = connection.execute(statement).fetchall()
connection.close()
print(json.dumps({"cpu_s": spent() - before, "rows": [[str(value) for value in row] for row in rows]}))
