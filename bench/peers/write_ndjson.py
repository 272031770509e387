"""The CSV files of a folder as newline-delimited JSON, every value a text or null: `write_ndjson.py FROM TO`."""

import csv
import gzip
import json
import pathlib
import sys

import contract


def main(source, target):
    source, target = pathlib.Path(source), pathlib.Path(target)
    encodings = {path: encoding for encoding, paths in contract.files(source) for path in paths}
    for path, encoding in encodings.items():
        path = pathlib.Path(path)
        name = path.relative_to(source).as_posix().replace(".csv", ".ndjson")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as rows:
            with opened(target / name, "wt", encoding="utf-8") as lines:
                for row in csv.DictReader(rows):
                    row = {name: value or None for name, value in row.items()}
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
