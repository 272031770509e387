# Prints the rows of a Delta table, one a line, sorted: python readers.py deltalake|duckdb|query FOLDER
import datetime
import decimal
import sys

import deltalake
import pyarrow


def text(value):
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            return str(int(value.timestamp()))
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)


reader, folder = sys.argv[1:]
table = deltalake.DeltaTable(folder)
if reader == "query":
    # delta-rs reads deletion vectors through its queries only.
    query = deltalake.QueryBuilder().register("t", table).execute("select * from t")
    arrow = pyarrow.table(query.read_all())
else:
    arrow = pyarrow.table(table.to_pyarrow_table() if hasattr(table, "to_pyarrow_table") else table.to_arrow())
if reader == "duckdb":
    import duckdb

    arrow = pyarrow.table(duckdb.sql("select * from arrow").arrow())
rows = zip(*(column.to_pylist() for column in arrow.columns))
for line in sorted("|".join(text(value) for value in row) for row in rows):
    print(line)
