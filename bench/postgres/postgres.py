#!/usr/bin/env python3
"""Sluice against connectorx, dlt, Debezium and PostgreSQL's own clients. See bench/README.md.

    bench/postgres/postgres.py                       loads 5,000,000 rows, then follows 1,000,000 changes
    bench/postgres/postgres.py load --rows 1000000   smaller
    bench/postgres/postgres.py load --engines sluice copy
    bench/postgres/postgres.py changes               the log of changes only
    bench/postgres/postgres.py lag --rate 5000       how far `sluice run --follow` is behind under load
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parent
sys.path.insert(0, str(BENCH))

import bench  # noqa: E402

ROOT = BENCH.parent
WORK = BENCH / "work" / "postgres"
PYTHON = WORK / "venv" / "bin" / "python"
LOADERS = ["sluice", "connectorx", "dlt", "copy"]
FOLLOWERS = ["sluice", "debezium", "pg_recvlogical"]
USER = "postgres"
# A server on loopback in a folder of its own; the clients' drivers want some password.
PASSWORD = "bench"


def main():
    arguments = parse()
    chosen = arguments.engines is None or "debezium" in arguments.engines
    install("changes" in arguments.benchmarks and chosen)
    if pathlib.Path(sys.prefix).resolve() != (WORK / "venv").resolve():
        os.execv(PYTHON, [str(PYTHON), str(HERE / "postgres.py"), *sys.argv[1:]])
    with Server() as server:
        runs = Bench(arguments, server)
        results = {}
        for name in arguments.benchmarks:
            results[name] = getattr(runs, name)()
    (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    print(f"\nDetails: {WORK / 'results.json'}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    # Each name is a method of Bench.
    parser.add_argument("benchmarks", nargs="*", help="load, changes, lag")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows to load")
    parser.add_argument("--changes", type=int, default=1_000_000, help="changes to follow")
    parser.add_argument("--rate", type=int, default=5_000, help="changes per second while Sluice follows")
    parser.add_argument("--seconds", type=int, default=60, help="for how long")
    parser.add_argument("--engines", nargs="+", choices=sorted({*LOADERS, *FOLLOWERS}))
    parser.add_argument("--sluice", type=pathlib.Path, help="the binary; built from this checkout if missing")
    arguments = parser.parse_args()
    arguments.benchmarks = arguments.benchmarks or ["load", "changes", "lag"]
    for name in arguments.benchmarks:
        if name not in ("load", "changes", "lag"):
            parser.error(f"there is no benchmark `{name}`: load, changes, lag")
    return arguments


def install(follows_with_debezium):
    """The server by the project's script, the peers with pip and Maven into bench/work."""
    subprocess.run([ROOT / "scripts" / "postgres"], check=True)
    bench.environment(WORK, HERE / "requirements.txt")
    if follows_with_debezium and not any((WORK / "jars").glob("*.jar")):
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={WORK / 'jars'}"]
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "debezium" / "pom.xml", *copy], check=True)


def postgres_bin():
    if "POSTGRES_BIN" in os.environ:
        return pathlib.Path(os.environ["POSTGRES_BIN"])
    return sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent


class Server:
    """A server of its own, which keeps its data between runs so that rows are made once."""

    def __init__(self):
        self.bin = postgres_bin()
        self.folder = pathlib.Path(os.environ.get("BENCH_POSTGRES", "/var/tmp/sluice-bench-postgres"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.account = []
        if os.geteuid() == 0:
            # A server does not run as root.
            self.account = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        self.url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        data = self.folder / "data"
        if not data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            password = self.folder / "password"
            password.write_text(PASSWORD)
            if self.account:
                subprocess.run(["chown", "-R", USER, self.folder], check=True)
            self.server("initdb", "-D", data, "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync",
                        "--auth=scram-sha-256", f"--pwfile={password}")
        options = f"-p {self.port} -k '' -h 127.0.0.1 -c wal_level=logical -c fsync=off -c max_wal_size=8GB"
        self.server("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "start", "-o", options)
        return self

    def __exit__(self, *_):
        self.server("pg_ctl", "-D", self.folder / "data", "-m", "fast", "stop")

    def server(self, program, *arguments):
        subprocess.run([*self.account, self.bin / program, *map(str, arguments)], check=True,
                       stdout=subprocess.DEVNULL, cwd="/")

    def psql(self, sql):
        done = subprocess.run([self.bin / "psql", self.url, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
                              stdout=subprocess.PIPE, check=True, text=True)
        return done.stdout.strip()


ROW = """
    n::bigint as id,
    (n * 7919 % 1000003)::int as customer_id,
    md5(n::text)::uuid as reference,
    (array['new','paid','packed','shipped','returned'])[1 + n % 5] as status,
    ((n * 104729 % 10000000) / 100.0)::numeric(12,2) as amount,
    (n * 31 % 65537) / 7.0::float8 as weight,
    (n % 300)::int2 as quantity,
    n % 3 = 0 as gift,
    date '2020-01-01' + (n % 2000)::int as ordered_on,
    timestamptz '2020-01-01 00:00:00+00' + n * interval '7 seconds' as created_at,
    timestamp '2020-01-01' + n * interval '7.25 seconds' as updated_at,
    case when n % 10 < 7 then 'a remark of a customer, number ' || n end as remark,
    jsonb_build_object('channel', (array['web','shop','phone'])[1 + n % 3], 'items', n % 9, 'tags',
                       jsonb_build_array('t' || n % 11, 't' || n % 13)) as details
"""


class Bench:
    def __init__(self, arguments, server):
        self.server = server
        self.rows = arguments.rows
        self.changes_wanted = arguments.changes
        self.engines = arguments.engines
        self.rate, self.seconds = arguments.rate, arguments.seconds
        self.runs = WORK / "runs"
        self.sluice = (arguments.sluice or bench.built("sluice", ["-p", "sluice"])).resolve()
        shutil.rmtree(self.runs, ignore_errors=True)
        self.runs.mkdir(parents=True)

    def chosen(self, names):
        return [name for name in names if self.engines is None or name in self.engines]

    def project(self, name, sync, table, more=""):
        """A project of one stream, and the environment it runs in."""
        folder = self.runs / name
        (folder / "sources").mkdir(parents=True)
        (folder / "sluice.yml").write_text(f"name: {name}\n")
        (folder / "sources" / "shop.yml").write_text(f"""sources:
  - name: shop
    kind: postgres
    connection:
      {{host: 127.0.0.1, port: {self.server.port}, database: postgres, user: {USER}, password: '${{PGPASSWORD}}'}}
    target_schema: RAW
    streams:
      - {{name: {table}, into: RAW.ORDERS, sync: {sync}{more}}}
""")
        return folder, {**os.environ, "PGPASSWORD": PASSWORD}

    def count(self, folder, environment):
        sql = ("select count(*) as rows, sum(amount) as amount, sum(quantity) as quantity, count(remark) as remarks"
               " from raw.orders")
        done = subprocess.run([self.sluice, "-C", folder, "sql", "-c", sql, "--format", "json"], check=True,
                              capture_output=True, text=True, env=environment)
        [row] = json.loads(done.stdout)
        return ["{:.2f}".format(float(value)) for value in row.values()]

    def expected(self, table):
        row = self.server.psql(f"select count(*), sum(amount), sum(quantity), count(remark) from {table}")
        return ["{:.2f}".format(float(value)) for value in row.split("|")]

    def load(self):
        """Every row of a table of 13 columns of all kinds."""
        import measure

        table = f"orders_{self.rows}"
        if self.server.psql(f"select to_regclass('{table}')") == "":
            self.server.psql(f"create table {table} as select {ROW} from generate_series(1::bigint, {self.rows}) n")
            self.server.psql(f"alter table {table} add primary key (id)")
            self.server.psql(f"vacuum analyze {table}")
        self.server.psql(f"select count(*) from {table}")
        results = {}
        for engine in self.chosen(LOADERS):
            if engine == "sluice":
                folder, environment = self.project("load", "full_refresh", table)
                measured = measure.run([self.sluice, "-C", folder, "run"], env=environment)
                if self.count(folder, environment) != self.expected(table):
                    sys.exit(f"Sluice's rows are not the server's: {self.count(folder, environment)}")
            elif engine == "copy":
                sql = f"copy {table} to stdout (format binary)"
                measured = measure.run(["sh", "-c", f'exec "{self.server.bin}/psql" "$0" -Xqc "{sql}" > /dev/null',
                                        self.server.url])
            else:
                out = self.runs / engine
                measured = measure.run([PYTHON, HERE / "peers.py", engine, self.server.url, table, out])
            results[engine] = {**measured, "done": self.rows}
        return results

    def changes(self):
        """Inserts, updates of whole rows and deletes that were committed before the client came."""
        import measure

        base = self.changes_wanted // 2
        table = "followed"
        self.drop_slots()
        self.server.psql(f"drop table if exists {table}")
        self.server.psql(f"create table {table} as select {ROW} from generate_series(1::bigint, {base}) n")
        self.server.psql(f"alter table {table} add primary key (id)")
        folder, environment = self.project("changes", "cdc", table)
        subprocess.run([self.sluice, "-C", folder, "run"], check=True, capture_output=True, env=environment)
        for peer in ("peer", "debezium"):
            self.server.psql(f"select pg_create_logical_replication_slot('{peer}', 'pgoutput')")
        inserts, updates = self.changes_wanted // 2, self.changes_wanted * 2 // 5
        deletes = self.changes_wanted - inserts - updates
        self.transactions(table, f"insert into {table} select {ROW} from generate_series({{0}}::bigint, {{1}}) n",
                          base + 1, base + inserts)
        self.transactions(table, f"update {table} set amount = amount + 1, status = 'paid', updated_at = updated_at"
                                 f" + interval '1 day' where id between {{0}} and {{1}}", 1, updates)
        self.transactions(table, f"delete from {table} where id between {{0}} and {{1}}", base + 1, base + deletes)
        end = self.server.psql("select pg_current_wal_lsn()")
        results = {}
        for engine in self.chosen(FOLLOWERS):
            if engine == "sluice":
                measured = measure.run([self.sluice, "-C", folder, "run"], env=environment)
                if self.count(folder, environment) != self.expected(table):
                    sys.exit(f"Sluice's rows are not the server's: {self.count(folder, environment)}")
            elif engine == "debezium":
                measured = measure.run(["java", "-cp", f"{WORK / 'jars'}/*", HERE / "debezium" / "Follow.java",
                                        self.server.port, USER, PASSWORD, "debezium", "sluice_shop",
                                        self.changes_wanted, self.runs / "debezium"])
            else:
                measured = measure.run([self.server.bin / "pg_recvlogical", "-d", self.server.url, "--start",
                                        "--slot", "peer", "--endpos", end, "-o", "proto_version=1", "-o",
                                        "publication_names=sluice_shop", "-f", self.runs / "recvlogical"])
            results[engine] = {**measured, "done": self.changes_wanted}
        self.drop_slots()
        return results

    def lag(self):
        """`sluice run --follow` while transactions of 100 changes come: half inserts, two fifths updates of rows
        anywhere in the table, a tenth deletes. The lag is what each batch says of itself."""
        table, base = "watched", 500_000
        self.drop_slots()
        self.server.psql(f"drop table if exists {table}")
        self.server.psql(f"create table {table} as select {ROW} from generate_series(1::bigint, {base}) n")
        self.server.psql(f"alter table {table} add primary key (id)")
        folder, environment = self.project("lag", "cdc", table, ", deletion_vectors: true")
        subprocess.run([self.sluice, "-C", folder, "run"], check=True, capture_output=True, env=environment)
        follow = [self.sluice, "-C", folder, "--log-format", "json", "run", "--follow"]
        log = (folder / "follow.log").open("w+")
        with subprocess.Popen(follow, env=environment, stdout=log, stderr=log) as child:
            self.write_at_rate(table, base)
            expected, patience = self.expected(table), time.monotonic() + 120
            while self.count(folder, environment) != expected and time.monotonic() < patience:
                time.sleep(1)
            child.send_signal(signal.SIGINT)
            _, _, usage = os.wait4(child.pid, 0)
            child.returncode = 0
        log.seek(0)
        lags, changes = [], 0
        for line in log:
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "followed" and event.get("changes"):
                lags.append(float(event["lag_seconds"]))
                changes += event["changes"]
        self.drop_slots()
        if self.count(folder, environment) != self.expected(table):
            sys.exit("Sluice's rows are not the server's")
        lags.sort()
        middle, most = lags[len(lags) // 2], lags[-1]
        cpu = usage.ru_utime + usage.ru_stime
        return {"changes": changes, "batches": len(lags), "lag_median_s": middle, "lag_most_s": most, "cpu_s": cpu,
                "peak_mib": usage.ru_maxrss / 1024}

    def write_at_rate(self, table, base):
        writer = subprocess.Popen([self.server.bin / "psql", self.server.url, "-Xq", "-v", "ON_ERROR_STOP=1"],
                                  stdin=subprocess.PIPE, text=True)
        began, next_id = time.monotonic(), base + 1
        for at in range(self.rate * self.seconds // 100):
            inserts = f"insert into {table} select {ROW} from generate_series({next_id}::bigint, {next_id + 49}) n;"
            somewhere = at * 7919 % base
            updates = f"update {table} set amount = amount + 1 where id between {somewhere} and {somewhere + 39};"
            deletes = f"delete from {table} where id between {next_id} and {next_id + 9};"
            writer.stdin.write(f"begin; {inserts} {updates} {deletes} commit;\n")
            writer.stdin.flush()
            next_id += 50
            time.sleep(max(0, began + (at + 1) * 100 / self.rate - time.monotonic()))
        writer.stdin.close()
        if writer.wait() != 0:
            sys.exit("The load failed")

    def transactions(self, table, sql, first, last, rows=1000):
        """Runs `sql` over ranges of ids, `rows` of them in a transaction."""
        for at in range(first, last + 1, rows * 100):
            parts = range(at, min(at + rows * 100, last + 1), rows)
            self.server_script("".join(sql.format(part, min(part + rows - 1, last)) + ";\n" for part in parts))

    def server_script(self, text):
        subprocess.run([self.server.bin / "psql", self.server.url, "-Xq", "-v", "ON_ERROR_STOP=1"], input=text,
                       check=True, text=True)

    def drop_slots(self):
        self.server.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
        self.server.psql("drop publication if exists sluice_shop")


def table(results):
    lines = ["| benchmark | engine | rows or changes per CPU s | CPU s | wall s | peak MiB |",
             "|---|---|--:|--:|--:|--:|"]
    for benchmark in ("load", "changes"):
        for engine, result in results.get(benchmark, {}).items():
            rate = result["done"] / result["cpu_s"]
            lines.append(f"| {benchmark} | {engine} | {rate:,.0f} | {result['cpu_s']:.2f} | {result['wall_s']:.1f}"
                         f" | {result['peak_mib']:.0f} |")
    if "lag" in results:
        lag = results["lag"]
        lines += ["", f"lag: {lag['changes']} changes in {lag['batches']} batches; median {lag['lag_median_s']:.2f} s,"
                      f" most {lag['lag_most_s']:.2f} s; {lag['cpu_s']:.1f} CPU s, {lag['peak_mib']:.0f} MiB"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
