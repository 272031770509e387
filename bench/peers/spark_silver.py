"""Raw CSV to bronze, quarantine and silver Delta tables: `spark_silver.py LANDING OUT THREADS JARS MEMORY`."""

import json
import sys
import time

import contract
import spark_session


def main(landing, out, threads, jars, memory):
    started = time.perf_counter()
    spark = spark_session.start(jars, out, threads, memory)
    phases = {"start": time.perf_counter() - started}

    started = time.perf_counter()
    spark_session.read(spark, landing).write.format("delta").mode("overwrite").save(f"{out}/bronze")
    phases["bronze"] = time.perf_counter() - started

    judged = spark_session.judged(spark.read.format("delta").load(f"{out}/bronze"))
    started = time.perf_counter()
    rejected = judged.where("_rule is not null")
    rejected.write.format("delta").mode("overwrite").save(f"{out}/quarantine")
    phases["quarantine"] = time.perf_counter() - started

    started = time.perf_counter()
    winners = spark_session.deduplicated(judged)
    winners.write.format("delta").mode("overwrite").save(f"{out}/silver")
    phases["silver"] = time.perf_counter() - started

    print(json.dumps(contract.report(phases, *spark_session.figures(spark, out))))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
