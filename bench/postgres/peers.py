"""One table of PostgreSQL into files, by a peer: `peers.py connectorx|dlt URL TABLE FOLDER`."""

import os
import pathlib
import sys


def connectorx(url, table, folder):
    """The whole table as Arrow, then one Parquet file."""
    import connectorx as cx
    import pyarrow.parquet as pq

    folder.mkdir()
    rows = cx.read_sql(url, f"select * from {table}", return_type="arrow", protocol="binary")
    pq.write_table(rows, folder / "orders.parquet")


def dlt(url, table, folder):
    """dlt's fastest way, connectorx in a stream, into a Delta table."""
    folder.mkdir()
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DLT_DATA_DIR"] = str(folder / "state")
    import dlt
    from dlt.sources.sql_database import sql_table

    resource = sql_table(credentials=url, table=table, backend="connectorx", chunk_size=50_000,
                         reflection_level="full_with_precision",
                         backend_kwargs={"return_type": "arrow_stream"})
    resource.apply_hints(table_format="delta", write_disposition="replace")
    pipeline = dlt.pipeline("orders", destination=dlt.destinations.filesystem((folder / "lake").as_uri()),
                            dataset_name="raw", pipelines_dir=str(folder / "pipelines"))
    pipeline.run(resource)


if __name__ == "__main__":
    {"connectorx": connectorx, "dlt": dlt}[sys.argv[1]](sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
