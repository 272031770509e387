"""Answers questions about Iceberg tables as PyIceberg sees them.

usage: pyiceberg_reader.py [--name <name of the catalog>] <SQLite file of the catalog> <questions as JSON>

A question names a `table` (`namespace.name`) or a `metadata` file, and perhaps the number of a `snapshot` and a
`filter`. It asks for rows (sorted, values as texts), or, by `ask`, for how many files a scan would `plan`, or for the
`summaries` of all snapshots; or it has PyIceberg `delete all` rows.
"""

import json
import sys

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable


def answer(catalog, question):
    if "metadata" in question:
        table = StaticTable.from_metadata(question["metadata"])
    else:
        table = catalog.load_table(question["table"])
    snapshots = table.snapshots()
    if question.get("ask") == "summaries":
        return [
            {"operation": snapshot.summary.operation.value, **snapshot.summary.additional_properties}
            for snapshot in snapshots
        ]
    if question.get("ask") == "delete all":
        table.delete()
        return None
    options = {}
    if "filter" in question:
        options["row_filter"] = question["filter"]
    if "snapshot" in question:
        options["snapshot_id"] = snapshots[question["snapshot"]].snapshot_id
    scan = table.scan(**options)
    if question.get("ask") == "plan":
        return len(list(scan.plan_files()))
    rows = scan.to_arrow().to_pylist()
    rows = [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]
    key = lambda row: [(value is None, value or "") for value in row.values()]
    return sorted(rows, key=key)


def main():
    arguments = sys.argv[1:]
    name = "lake"
    if arguments[0] == "--name":
        name, arguments = arguments[1], arguments[2:]
    file, questions = arguments
    catalog = SqlCatalog(name, uri=f"sqlite:///{file}")
    print(json.dumps({name: answer(catalog, asked) for name, asked in json.loads(questions).items()}))


main()
