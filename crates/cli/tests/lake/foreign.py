# Writes Delta tables as other engines do, below FOLDER: python foreign.py deltalake|spark FOLDER
import datetime
import decimal
import os
import sys


def of_deltalake(folder):
    import deltalake
    import pyarrow as pa

    place = os.path.join(folder, "plain")
    day = datetime.date(2026, 8, 1)
    rows = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int32()),
            "Small": pa.array([1, None, -3], pa.int8()),
            "ratio": pa.array([0.5, None, 2.5], pa.float32()),
            "amount": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")], pa.decimal128(10, 2)),
            "city": pa.array(["Zürich / a=b 50%", None, "Bern"]),
            "day": pa.array([day, None, day]),
            "at": pa.array([datetime.datetime(2026, 8, 1, 10, 11, 12, 123456), None, None], pa.timestamp("us", "UTC")),
            "raw": pa.array([b"\x00\xff", None, b""]),
        }
    )
    deltalake.write_deltalake(place, rows, partition_by=["city", "day"])
    table = deltalake.DeltaTable(place)
    for at in range(4, 16):
        more = rows.slice(2, 1).set_column(0, "id", pa.array([at], pa.int32()))
        deltalake.write_deltalake(table, more, mode="append")
    table.create_checkpoint()
    table.delete("id > 4")
    nested = pa.table({"id": [1], "parts": [{"a": 1}]})
    deltalake.write_deltalake(os.path.join(folder, "nested"), nested)


def of_spark(folder):
    from spark_session import spark

    session = spark()

    def table(name, columns, rows, *settings):
        place = os.path.join(folder, name)
        properties = ", ".join(f"'delta.{key}' = '{value}'" for key, value in settings)
        session.sql(f"create table delta.`{place}` ({columns}) using delta tblproperties ({properties})")
        session.sql(f"insert into delta.`{place}` {rows}")
        return f"delta.`{place}`"

    deleted = table(
        "deleted",
        "id int, v string",
        "select id, concat('v', id) from range(1, 101)",
        ("enableDeletionVectors", "true"),
    )
    session.sql(f"delete from {deleted} where id % 10 <> 0")
    session.sql(f"update {deleted} set v = 'new' where id = 50")
    mapped = table(
        "mapped",
        "`an id` int, gone int, old string, p string",
        "values (1, 0, 'a', 'x'), (2, 0, 'b', 'y'), (3, 0, null, null)",
        ("columnMapping.mode", "name"),
        ("minReaderVersion", "2"),
        ("minWriterVersion", "5"),
    )
    session.sql(f"alter table {mapped} rename column old to new")
    session.sql(f"alter table {mapped} drop column gone")
    session.sql(f"insert into {mapped} values (4, 'd', 'z')")
    version2 = table(
        "version2",
        "id bigint, at timestamp, wall timestamp_ntz",
        "values (1, timestamp '2026-08-01 10:11:12.123456', timestamp_ntz '2026-08-01 10:11:12.123456')",
        ("checkpointPolicy", "v2"),
        ("checkpointInterval", "2"),
    )
    for at in range(2, 4):
        session.sql(f"insert into {version2} values ({at}, null, null)")


writer, folder = sys.argv[1:]
{"deltalake": of_deltalake, "spark": of_spark}[writer](folder)
