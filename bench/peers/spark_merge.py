"""One more drop into the tables of spark_silver.py: `spark_merge.py LANDING OUT THREADS JARS MEMORY`."""

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
    rows = spark_session.read(spark, landing)
    rows.write.format("delta").mode("append").save(f"{out}/bronze")
    judged = spark_session.judged(rows).cache()
    rejected = judged.where("_rule is not null")
    rejected.write.format("delta").mode("append").save(f"{out}/quarantine")
    phases["bronze"] = time.perf_counter() - started

    started = time.perf_counter()
    spark_session.deduplicated(judged).createOrReplaceTempView("incoming")
    spark.sql(
        f"""merge into delta.`{out}/silver` as there using incoming
        on there.order_id = incoming.order_id and there.product_id = incoming.product_id
        when matched and incoming.run_date > there.run_date then update set *
        when not matched then insert *"""
    )
    phases["merge"] = time.perf_counter() - started

    print(json.dumps(contract.report(phases, *spark_session.figures(spark, out))))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
