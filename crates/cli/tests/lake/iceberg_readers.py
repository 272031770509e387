# Prints the rows of Iceberg tables, one a line behind the question's name and a tab:
#   python iceberg_readers.py pyiceberg|spark WHERE QUESTIONS
# WHERE and QUESTIONS are JSON. `{"sluice": FILE, "rest": FILE, "uri": ADDRESS}`: the SQL catalog of a project, and the
# file and the address of a REST catalog. `{NAME: {"table": "sluice.SHOP.SILVER.SALES", "columns": […], "snapshot": 0,
# "filter": …}}`: a table behind its catalog's name, perhaps at the snapshot of that number, perhaps less than all its rows.
import json
import sys

from canonical import lines


def of_pyiceberg(where):
    from pyiceberg.catalog.sql import SqlCatalog

    # PyIceberg behind HTTP is the REST catalog: asked without it, it says the same.
    catalogs = {name: SqlCatalog(name, uri=f"sqlite:///{where[name]}") for name in ("sluice", "rest")}

    def rows(table, columns, snapshot=None, filter=None):
        catalog, name = table.split(".", 1)
        table = catalogs[catalog].load_table(name)
        options = {"selected_fields": columns, "row_filter": filter or "true"}
        if snapshot is not None:
            options["snapshot_id"] = table.snapshots()[snapshot].snapshot_id
        arrow = table.scan(**options).to_arrow()
        return zip(*(arrow[column].to_pylist() for column in columns))

    return rows


def of_spark(where):
    from spark_session import rows_of, spark

    iceberg = "org.apache.iceberg.spark.SparkCatalog"
    session = spark(
        **{
            "spark.sql.catalog.sluice": iceberg,
            "spark.sql.catalog.sluice.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
            "spark.sql.catalog.sluice.uri": f"jdbc:sqlite:file:{where['sluice']}",
            # It asks for one, and would put new tables there.
            "spark.sql.catalog.sluice.warehouse": "/nowhere",
            "spark.sql.catalog.rest": iceberg,
            "spark.sql.catalog.rest.type": "rest",
            "spark.sql.catalog.rest.uri": where["uri"],
            "spark.sql.catalog.rest.credential": "me:s3cret",
        }
    )

    def rows(table, columns, snapshot=None, filter=None):
        asked = f"select {', '.join(columns)} from {table}"
        if snapshot is not None:
            known = session.sql(f"select snapshot_id from {table}.snapshots order by committed_at").collect()
            asked += f" version as of {known[snapshot][0]}"
        if filter:
            asked += f" where {filter}"
        return rows_of(session.sql(asked))

    return rows


reader, where, questions = sys.argv[1], *map(json.loads, sys.argv[2:])
rows = {"pyiceberg": of_pyiceberg, "spark": of_spark}[reader](where)
for name, question in questions.items():
    for line in lines(rows(**question)):
        print(f"{name}\t{line}")
