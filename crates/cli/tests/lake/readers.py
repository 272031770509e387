# Prints the rows of Delta tables, one a line behind the table's name and a tab:
#   python readers.py deltalake|duckdb|spark NAME=FOLDER[=COLUMN,COLUMN] …
import datetime
import sys

from canonical import lines


def of_deltalake(folder, columns):
    import deltalake
    import pyarrow

    table = deltalake.DeltaTable(folder)
    # `to_pyarrow_table` does not know every feature that tables can have.
    return pyarrow.table(deltalake.QueryBuilder().register("t", table).execute(f"select {columns} from t").read_all())


def cells(arrow):
    return zip(*(column.to_pylist() for column in arrow.columns))


def rows(reader, folder, columns):
    if reader == "deltalake":
        return cells(of_deltalake(folder, columns))
    if reader == "duckdb":
        import duckdb
        import pyarrow

        arrow = of_deltalake(folder, columns)
        return cells(pyarrow.table(duckdb.sql("select * from arrow").arrow()))
    frame = session().read.format("delta").load(folder).selectExpr(*columns.split(","))
    kinds = [field.dataType.simpleString() for field in frame.schema.fields]
    return ([spark_cell(*pair) for pair in zip(row, kinds)] for row in frame.collect())


def spark_cell(value, kind):
    # Python's datetimes that Spark makes of instants do not say that they are in UTC.
    if kind == "timestamp" and value is not None:
        return value.astimezone(datetime.timezone.utc)
    if kind.startswith("struct") and value is not None:
        inner = kind[len("struct<") : -1].split(",")
        return [spark_cell(*pair) for pair in zip(value, (one.split(":")[1] for one in inner))]
    return value


def session():
    from spark_session import spark

    return spark()


reader = sys.argv[1]
for argument in sys.argv[2:]:
    name, folder, *columns = argument.split("=")
    for line in lines(rows(reader, folder, "".join(columns) or "*")):
        print(f"{name}\t{line}")
