"""Raw files to bronze, quarantine and silver Parquet with polars: `polars_silver.py LANDING OUT THREADS FORMAT`.

The rules are those of `contract.py`, as expressions; the streaming engine runs them.
"""

import json
import os
import pathlib
import sys
import time

import contract

NUMBERS = {"bigint": "Int64", "decimal(24,10)": (24, 10)}


def main(landing, out, threads, form):
    # Before the import, which reads it.
    os.environ["POLARS_MAX_THREADS"] = threads
    import polars as pl

    started = time.perf_counter()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    bronze = pl.concat(read(pl, landing, form)).with_columns(
        run_date=pl.col("filename").str.extract(r"run_date=([^/]+)")
    )
    phases = {"start": time.perf_counter() - started}

    started = time.perf_counter()
    bronze.sink_parquet(out / "bronze.parquet", compression="zstd", maintain_order=False, engine="streaming")
    phases["bronze"] = time.perf_counter() - started

    started = time.perf_counter()
    bronze = pl.scan_parquet(out / "bronze.parquet")
    judged = bronze.with_columns([typed(pl, column) for column in contract.COLUMNS]).with_columns(_rule=rules(pl))
    broken = judged.filter(pl.col("_rule").is_not_null())
    broken.sink_parquet(out / "quarantine.parquet", compression="zstd", maintain_order=False, engine="streaming")
    phases["quarantine"] = time.perf_counter() - started

    started = time.perf_counter()
    silver = (
        judged.filter(pl.col("_rule").is_null())
        .drop("_rule")
        .sort(["run_date", "order_date", "row_id"], descending=True, nulls_last=True)
        .unique(["order_id", "product_id"], keep="first")
    )
    silver.sink_parquet(out / "silver.parquet", compression="zstd", maintain_order=False, engine="streaming")
    phases["silver"] = time.perf_counter() - started

    count = bronze.select(pl.len()).collect().item()
    broken = pl.scan_parquet(out / "quarantine.parquet").group_by("_rule").len().collect().rows()
    silver = pl.scan_parquet(out / "silver.parquet")
    figures = silver.select(pl.len(), pl.sum("sales"), pl.sum("quantity"), pl.sum("profit")).collect().row(0)
    print(json.dumps(contract.report(phases, count, broken, figures)))


def read(pl, landing, form):
    if form == "ndjson":
        schema = {name: pl.String for name in contract.HEADER}
        paths = contract.files(landing, form)[0][1]
        rename = dict(zip(contract.HEADER, contract.COLUMNS))
        return [pl.scan_ndjson(paths, schema=schema, include_file_paths="filename").rename(rename)]
    frames = []
    for encoding, paths in contract.files(landing):
        if encoding == "utf-8":
            frames.append(
                pl.scan_csv(
                    paths, infer_schema=False, new_columns=contract.COLUMNS, include_file_paths="filename"
                )
            )
            continue
        for path in paths:
            frame = pl.read_csv(path, infer_schema=False, new_columns=contract.COLUMNS, encoding=encoding)
            frames.append(frame.lazy().with_columns(filename=pl.lit(path)))
    return frames


def typed(pl, name):
    """The expression that cleans and types one column, as `contract.typed` does."""
    column = pl.col(name)
    trimmed = column.str.strip_chars()
    if name == "sales":
        number = trimmed.cast(pl.Decimal(32, 16), strict=False)
        cap = pl.lit(10000).cast(pl.Decimal(32, 16))
        return pl.when(number > cap).then(cap).otherwise(number).alias(name)
    if name in contract.NUMBERS:
        kind = NUMBERS[contract.NUMBERS[name]]
        return trimmed.cast(pl.Int64 if kind == "Int64" else pl.Decimal(*kind), strict=False)
    if name in ("order_date", "ship_date"):
        return trimmed.str.to_date("%d-%m-%Y", strict=False)
    if name in contract.TRIMMED:
        return pl.when(trimmed != "").then(trimmed).alias(name)
    collapsed = trimmed.str.replace_all(r"\s+", " ")
    if name in contract.COLLAPSED:
        return collapsed
    if name in contract.UPPER:
        return collapsed.str.to_uppercase()
    return column


def rules(pl):
    def is_not_positive(name):
        return pl.col(name).is_null() | (pl.col(name) <= 0)

    conditions = {
        "missing_order_id": pl.col("order_id").is_null(),
        "missing_product_id": pl.col("product_id").is_null(),
        "invalid_sales": is_not_positive("sales"),
        "invalid_quantity": is_not_positive("quantity"),
        "missing_date": pl.col("order_date").is_null() | pl.col("ship_date").is_null(),
        "date_violation": pl.col("ship_date") < pl.col("order_date"),
    }
    return pl.coalesce([pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items()])


if __name__ == "__main__":
    main(*sys.argv[1:])
