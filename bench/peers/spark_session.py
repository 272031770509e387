"""A local Spark with Delta Lake, set up as the documentation of both says."""

import glob
import os
import pathlib

from pyspark.sql import SparkSession

import contract


def start(jars, out, threads, memory):
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    spark = (
        SparkSession.builder.master(f"local[{threads}]")
        .appName("bench")
        .config("spark.jars", ",".join(sorted(glob.glob(f"{jars}/*.jar"))))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.driver.memory", memory)
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC")
        # An unreadable value becomes null, as the contract wants it.
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.legacy.timeParserPolicy", "CORRECTED")
        .config("spark.ui.enabled", "false")
        .config("spark.local.dir", f"{out}/spill")
        .config("spark.sql.warehouse.dir", f"{out}/warehouse")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def read(spark, landing):
    """The files as text columns, with `run_date` from the path and the file's name."""
    from functools import reduce

    from pyspark.sql import functions as f

    schema = ", ".join(f"{name} string" for name in contract.COLUMNS)
    frames = [
        spark.read.schema(schema)
        .option("header", True)
        .option("escape", '"')
        .option("encoding", {"utf-8": "UTF-8", "latin-1": "ISO-8859-1"}[encoding])
        .csv(paths)
        for encoding, paths in contract.files(landing)
        if paths
    ]
    rows = reduce(lambda left, right: left.unionByName(right), frames)
    path = f.input_file_name()
    return rows.withColumn("filename", path).withColumn(
        "run_date", f.regexp_extract(path, "run_date=([^/]+)", 1)
    )


def judged(rows):
    typed = rows.selectExpr(
        *[f"{contract.typed(column, 'spark')} as {column}" for column in contract.COLUMNS],
        "run_date",
        "filename",
    )
    return typed.selectExpr("*", f"{contract.RULES} as _rule")


def deduplicated(rows):
    return (
        rows.where("_rule is null")
        .selectExpr("*", f"{contract.WINNER} as _place")
        .where("_place = 1")
        .drop("_place", "_rule")
    )


def figures(spark, out):
    bronze = spark.sql(f"select count(*) from delta.`{out}/bronze`").first()[0]
    rules = spark.sql(f"select _rule, count(*) from delta.`{out}/quarantine` group by 1").collect()
    silver = spark.sql(f"select {contract.FIGURES} from delta.`{out}/silver`").first()
    return bronze, [tuple(row) for row in rules], tuple(silver)
