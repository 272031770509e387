"""Appends rows to the table at the path given: good ones, and ones that its CHECK constraint refuses."""

import sys

import pyarrow as pa
from deltalake import write_deltalake

SCHEMA = pa.schema([("ID", pa.int64()), ("KIND", pa.string())])


def append(rows):
    write_deltalake(sys.argv[1], pa.Table.from_pylist(rows, SCHEMA), mode="append")


append([{"ID": 3, "KIND": "b"}])
try:
    append([{"ID": 4, "KIND": "b"}, {"ID": 0, "KIND": "b"}])
except Exception as error:
    print(error)
else:
    sys.exit("a row that breaks the constraint was written")
