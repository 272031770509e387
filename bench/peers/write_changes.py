"""Writes `count` rows of silver, each with one piece more and a later row id, as one more CSV drop."""

import sys

import contract
import duckdb

source, count, target = sys.argv[1:]
shown = {
    "order_date": "strftime(order_date, '%d-%m-%Y')",
    "ship_date": "strftime(ship_date, '%d-%m-%Y')",
    "quantity": "quantity + 1",
    "row_id": "row_id + 1000000000",
}
columns = ", ".join(
    f'{shown.get(name, name)} as "{header}"'
    for header, name in zip(contract.HEADER, contract.COLUMNS, strict=True)
)
duckdb.execute(
    f"""copy (select {columns} from '{source}' order by md5(order_id || product_id) limit {int(count)})
    to '{target}' (header true)"""
)
