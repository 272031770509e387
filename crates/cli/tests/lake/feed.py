# Prints the change data feed of a Delta table from its first version on, one line a changed row: what became of it, and
# its values behind a tab, sorted. Fails if the rows of a version, changed as
# the feed says, are not those of the next.
#   python feed.py deltalake|spark FOLDER COLUMN,COLUMN
import collections
import sys

from canonical import text

reader, folder, columns = sys.argv[1:]
LEAVING = ("delete", "update_preimage")


class DeltaRs:
    def newest(self):
        import deltalake

        return deltalake.DeltaTable(folder).version()

    def rows(self, version):
        import deltalake
        import pyarrow

        table = deltalake.DeltaTable(folder, version=version)
        query = deltalake.QueryBuilder().register("t", table).execute(f"select {columns} from t")
        return self.cells(pyarrow.table(query.read_all()))

    def feed(self, first, last):
        import deltalake
        import pyarrow

        feed = deltalake.DeltaTable(folder).load_cdf(starting_version=first, ending_version=last)
        arrow = pyarrow.table(feed.read_all())
        return self.cells(arrow.select([*columns.split(","), "_change_type", "_commit_version"]))

    def cells(self, arrow):
        return list(zip(*(column.to_pylist() for column in arrow.columns)))


class Spark:
    def __init__(self):
        from spark_session import spark

        self.session = spark()

    def read(self):
        return self.session.read.format("delta")

    def newest(self):
        history = self.session.sql(f"describe history delta.`{folder}`")
        return max(row["version"] for row in history.collect())

    def rows(self, version):
        frame = self.read().option("versionAsOf", version).load(folder)
        return [tuple(row) for row in frame.select(*columns.split(",")).collect()]

    def feed(self, first, last):
        options = {"readChangeFeed": "true", "startingVersion": str(first), "endingVersion": str(last)}
        frame = self.read().options(**options).load(folder)
        names = [*columns.split(","), "_change_type", "_commit_version"]
        return [tuple(row) for row in frame.select(*names).collect()]


def line(row):
    return "|".join(text(value) for value in row)


peer = DeltaRs() if reader == "deltalake" else Spark()
newest = peer.newest()
feed = [(version, kind, line(row)) for *row, kind, version in peer.feed(0, newest)]
states = [collections.Counter(line(row) for row in peer.rows(version)) for version in range(newest + 1)]
for version in range(1, newest + 1):
    state = collections.Counter(states[version - 1])
    for at, kind, row in feed:
        if at == version:
            state[row] += -1 if kind in LEAVING else 1
    assert state == states[version], f"version {version}: {state} instead of {states[version]}"
for version, kind, row in sorted(feed):
    print(f"{version} {kind}\t{row}")
