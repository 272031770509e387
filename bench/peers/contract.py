"""The contract of examples/retail/lake/sales.yml for the peers: one SQL text, spelled for each dialect.

Both peers read every column as text, judge rows by the same rules in the same order and keep the row of
the newest drop, then of the latest order date, then of the highest row id.
"""

import pathlib

HEADER = [
    "Row ID", "Order ID", "Order Date", "Ship Date", "Ship Mode", "Customer ID", "Customer Name", "Segment",
    "City", "State", "Country", "Postal Code", "Market", "Region", "Product ID", "Category", "Sub-Category",
    "Product Name", "Sales", "Quantity", "Discount", "Profit", "Shipping Cost", "Order Priority",
]
COLUMNS = [name.lower().replace(" ", "_").replace("-", "_") for name in HEADER]

TRIMMED = {"row_id", "order_id", "customer_id", "product_id"}
COLLAPSED = {"segment", "city", "state", "country", "region"}
UPPER = {"category", "sub_category"}
NUMBERS = {
    "row_id": "bigint", "quantity": "bigint", "discount": "decimal(24,10)",
    "profit": "decimal(24,10)", "shipping_cost": "decimal(24,10)",
}

RULES = """case
    when order_id is null then 'missing_order_id'
    when product_id is null then 'missing_product_id'
    when sales is null or sales <= 0 then 'invalid_sales'
    when quantity is null or quantity <= 0 then 'invalid_quantity'
    when order_date is null or ship_date is null then 'missing_date'
    when ship_date < order_date then 'date_violation'
end"""

WINNER = """row_number() over (
    partition by order_id, product_id order by run_date desc, order_date desc, row_id desc
)"""


def typed(column, dialect):
    """The expression that cleans and types one column."""
    cast = {"duckdb": "try_cast(trim({0}) as {1})", "spark": "cast(trim({0}) as {1})"}[dialect]
    day = {
        "duckdb": "cast(try_strptime(trim({0}), '%d-%m-%Y') as date)",
        "spark": "to_date(trim({0}), 'dd-MM-yyyy')",
    }[dialect]
    collapse = {
        "duckdb": "regexp_replace(trim({0}), '\\s+', ' ', 'g')",
        "spark": "regexp_replace(trim({0}), '\\\\s+', ' ')",
    }[dialect]
    if column == "sales":
        # Not `least`, which ignores null in both dialects.
        number = cast.format(column, "decimal(32,16)")
        return f"case when {number} > 10000 then cast(10000 as decimal(32,16)) else {number} end"
    if column in NUMBERS:
        return cast.format(column, NUMBERS[column])
    if column in ("order_date", "ship_date"):
        return day.format(column)
    if column in TRIMMED:
        return f"nullif(trim({column}), '')"
    if column in COLLAPSED:
        return collapse.format(column)
    if column in UPPER:
        return f"upper({collapse.format(column)})"
    return column


def typed_columns(dialect):
    return ",\n    ".join(f"{typed(column, dialect)} as {column}" for column in COLUMNS)


def files(landing, form="csv"):
    """The input, as (encoding, paths): the peers must be told which file is not UTF-8."""
    utf8, latin = [], []
    for path in sorted(pathlib.Path(landing).rglob(f"*.{form}*")):
        (latin if is_latin(path) else utf8).append(str(path))
    return [("utf-8", utf8), ("latin-1", latin)]


def is_latin(path):
    if path.suffix == ".gz":
        return False
    with open(path, "rb") as file:
        head = file.read(1 << 20)
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


FIGURES = "count(*), sum(sales), sum(quantity), sum(profit)"


def report(phases, bronze, quarantine, silver):
    """What a peer prints at its end, for the comparison."""
    rows, sales, quantity, profit = silver
    return {
        "phases": phases,
        "bronze": int(bronze),
        "quarantine": {rule: int(count) for rule, count in quarantine},
        "silver": {
            "rows": int(rows),
            "sales": f"{sales:.4f}",
            "quantity": int(quantity),
            "profit": f"{profit:.4f}",
        },
    }
