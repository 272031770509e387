"""Writes a dbt project of N models: one seed, ten layers of tables that read three models of the layer
before, and a `not_null` test for every tenth model. It means the same to every dbt.

    bench/dbt/generate.py 1000 FOLDER
"""

import pathlib
import sys

LAYERS = 10
SEED_ROWS = 100

PROJECT = """name: generated
version: "1.0"
config-version: 2
profile: generated
models:
  generated:
    +materialized: table
"""

PROFILE = """generated:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: generated.duckdb
      threads: {threads}
"""


def project(count, folder, threads=2):
    folder = pathlib.Path(folder)
    (folder / "seeds").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE.format(threads=threads))
    rows = "".join(f"{number},name {number},{number * 3 % 17}\n" for number in range(SEED_ROWS))
    (folder / "seeds" / "raw.csv").write_text("id,name,value\n" + rows)
    wide = -(-count // LAYERS)
    for number in range(count):
        layer = number // wide
        parents = [f"model_{(layer - 1) * wide + (number * 7 + step) % wide}" for step in range(3)] if layer else []
        below = folder / "models" / f"layer_{layer}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"model_{number}.sql").write_text(model(number, parents))
    tested = "".join(
        f"  - name: model_{number}\n    description: Every tenth model.\n    columns:\n"
        "      - name: id\n        data_tests: [not_null]\n"
        for number in range(0, count, 10)
    )
    (folder / "models" / "schema.yml").write_text("version: 2\nmodels:\n" + tested)


def model(number, parents):
    if not parents:
        return f"select id, name, value + {number} as value from {{{{ ref('raw') }}}}\n"
    parts = [f"    select id, name, value from {{{{ ref('{parent}') }}}}\n" for parent in parents]
    return (
        "with parents as (\n" + "    union all\n".join(parts) + ")\n"
        f"select id, min(name) as name, sum(value) % 1000 + {number} as value\nfrom parents\ngroup by id\n"
    )


if __name__ == "__main__":
    project(int(sys.argv[1]), sys.argv[2])
