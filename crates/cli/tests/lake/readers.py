# Prints the rows of Delta tables, one a line behind the table's name and a tab:
#   python readers.py deltalake|duckdb|spark NAME=FOLDER[=COLUMN,COLUMN] …
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
    from spark_session import rows_of, spark

    return rows_of(spark().read.format("delta").load(folder).selectExpr(*columns.split(",")))


reader = sys.argv[1]
for argument in sys.argv[2:]:
    name, folder, *columns = argument.split("=")
    for line in lines(rows(reader, folder, "".join(columns) or "*")):
        print(f"{name}\t{line}")
