"""Runs one Python model: gives it its inputs, and leaves what it returns in an Arrow file.

Requests and answers are lines of JSON over what standard input and output were at the start. What the
model prints is told line by line; the process ends with whoever started it.
"""

import importlib.metadata
import importlib.util
import json
import os
import queue
import re
import sys
import threading
import traceback

# Stand for Snowpark, which the tables and the session below are in place of.
OURS = {"snowflake-snowpark-python", "dbt-snowflake"}


class Failed(Exception):
    """Something that is told as it is, without a traceback."""

    def __init__(self, about, message, help=None):
        super().__init__(message)
        self.about, self.help = about, help


class WarehouseError(RuntimeError):
    """A statement of the model failed."""


class Exchange:
    """Asks the warehouse."""

    def __init__(self):
        self.requests = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.lock = threading.Lock()
        self.asking = threading.Lock()
        self.answers = queue.Queue()
        answers = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        threading.Thread(target=self.listen, args=(answers,), daemon=True).start()

    def listen(self, answers):
        rest = b""
        while chunk := os.read(answers, 65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.answers.put(json.loads(line))
        os._exit(130)

    def tell(self, **request):
        with self.lock:
            self.requests.write(json.dumps(request) + "\n")
            self.requests.flush()

    def rows(self, sql):
        with self.asking:
            self.tell(op="query", sql=sql)
            answer = self.answers.get()
        if "error" in answer:
            raise WarehouseError(answer["error"])
        return answer.get("path")


class Said:
    """What the model prints, line by line."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, exchange):
        self.exchange, self.line, self.lock = exchange, "", threading.Lock()

    def write(self, text):
        with self.lock:
            *lines, self.line = (self.line + text).split("\n")
            for line in lines:
                self.exchange.tell(op="said", text=line)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True

    def fileno(self):
        return 1

    def end(self):
        if self.line:
            self.write("\n")


def arrow():
    try:
        import pyarrow
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        raise Failed("package", "Python models exchange tables by the package `pyarrow`, which is not installed",
                     "pip install pyarrow") from error
    return pyarrow


class Table:
    """Rows of the warehouse. Methods turn them into a table of some package."""

    def __init__(self, path, dates):
        self._path, self._dates = path, dates

    def to_arrow(self):
        pa = arrow()
        return pa.ipc.open_file(pa.memory_map(self._path)).read_all()

    def to_pandas(self):
        table = self.to_arrow()
        needs("pandas")
        pa = arrow()
        # As Snowpark and DuckDB do: numbers become plain integers and floats, for arithmetic with others.
        for at, field in enumerate(table.schema):
            if pa.types.is_decimal(field.type):
                column = table.column(at)
                try:
                    numbers = column.cast(pa.int64() if field.type.scale == 0 else pa.float64())
                except pa.ArrowInvalid:
                    numbers = column.cast(pa.float64(), safe=False)
                table = table.set_column(at, field.name, numbers)
        return table.to_pandas(date_as_object=self._dates)

    def to_polars(self):
        needs("polars")
        import polars
        return polars.from_arrow(self.to_arrow())

    df = to_df = fetchdf = toPandas = to_pandas
    pl = to_polars
    arrow = to_arrow_table = fetch_arrow_table = to_arrow

    def collect(self):
        from collections import namedtuple
        table = self.to_arrow()
        row = namedtuple("Row", table.column_names, rename=True)
        return [row(*cells) for cells in zip(*(column.to_pylist() for column in table.columns))]

    fetchall = collect

    def fetchone(self):
        rows = self.collect()
        return rows[0] if rows else None

    def count(self):
        return self.to_arrow().num_rows

    def __len__(self):
        return self.count()

    @property
    def columns(self):
        return self.to_arrow().column_names

    @property
    def schema(self):
        return self.to_arrow().schema

    def __arrow_c_stream__(self, requested_schema=None):
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __getattr__(self, name):
        raise AttributeError(
            f"a table of the warehouse has no `{name}`: take `.to_pandas()`, `.to_polars()` or `.to_arrow()` first"
        )

    def __getitem__(self, key):
        raise TypeError(
            "a table of the warehouse has no columns to take: call `.to_pandas()`, `.to_polars()` or `.to_arrow()` first"
        )


def needs(package):
    if importlib.util.find_spec(package) is None:
        raise Failed("package", f"The model takes its input as a table of `{package}`, which is not installed",
                     f"pip install {package}")


class Session:
    """The warehouse, for statements of the model's own."""

    def __init__(self, exchange, rows):
        self._exchange, self._rows = exchange, rows

    def sql(self, query, params=None):
        if params:
            raise TypeError("the session takes no parameters: write the values into the statement")
        return self._rows(query)

    query = execute = sql

    def table(self, name):
        return self._rows(f"select * from {name}")

    def create_dataframe(self, data, schema=None):
        if hasattr(data, "__arrow_c_stream__") or type(data).__name__ == "DataFrame":
            return data
        needs("pandas")
        import pandas
        return pandas.DataFrame(data, columns=schema)

    createDataFrame = create_dataframe

    def __getattr__(self, name):
        raise AttributeError(
            f"the session of the embedded warehouse has no `{name}`: it has `sql`, `table` and `create_dataframe`"
        )


def loader(exchange, kind):
    """What makes a table of a statement."""
    duckdb = None
    if kind == "duckdb" and importlib.util.find_spec("duckdb") and importlib.util.find_spec("pyarrow"):
        import duckdb as module
        duckdb = module.connect()

    def rows(sql):
        path = exchange.rows(sql)
        if path is None:
            return None
        table = Table(path, dates=kind != "duckdb")
        return duckdb.from_arrow(table.to_arrow()) if duckdb else table

    return rows


def version(text):
    return [int(part) for part in re.findall(r"\d+", text.split("+")[0])]


def fits(have, asked):
    """Whether a version is as a requirement says (PEP 440, its released versions)."""
    for part in filter(None, (part.strip() for part in asked.split(","))):
        found = re.fullmatch(r"(===?|~=|!=|>=|<=|>|<|=)?\s*([\w.*+!-]+)", part)
        if not found:
            return True
        sign, wanted = found[1] or "==", found[2]
        ours, theirs = version(have), version(wanted)
        length = max(len(ours), len(theirs))
        if wanted.endswith(".*") or sign == "=":
            same = ours[:len(theirs)] == theirs
        else:
            same = ours + [0] * (length - len(ours)) == theirs + [0] * (length - len(theirs))
        padded = ours + [0] * (length - len(ours)), theirs + [0] * (length - len(theirs))
        good = {
            "==": same, "===": same, "=": same, "!=": not same,
            ">=": padded[0] >= padded[1], "<=": padded[0] <= padded[1],
            ">": padded[0] > padded[1], "<": padded[0] < padded[1],
            "~=": padded[0] >= padded[1] and ours[:len(theirs) - 1] == theirs[:-1],
        }[sign]
        if not good:
            return False
    return True


def check_packages(packages):
    missing = []
    for asked in packages:
        found = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)", asked)
        if not found or found[1].lower() in OURS:
            continue
        try:
            have = importlib.metadata.version(found[1])
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"`{asked}`, which is not installed")
            continue
        if not fits(have, found[2]):
            missing.append(f"`{asked}`, but {have} is installed")
    if missing:
        raise Failed("package", "The model needs the package " + "; and ".join(missing),
                     "pip install " + " ".join(f"'{asked}'" for asked in packages))


def as_arrow(result):
    """What the model returned, as an Arrow table."""
    pa = arrow()
    module = type(result).__module__.split(".")[0]
    name = type(result).__name__
    if isinstance(result, pa.Table):
        return result
    if isinstance(result, Table):
        return result.to_arrow()
    if isinstance(result, pa.RecordBatch):
        return pa.Table.from_batches([result])
    if isinstance(result, pa.RecordBatchReader):
        return result.read_all()
    if module == "pandas" and name == "DataFrame":
        result = result.rename(columns=str)
        try:
            return pa.Table.from_pandas(result, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise Failed("result", f"The returned table has a column of mixed or unknown type: {error}") from error
    if module == "polars" and name == "LazyFrame":
        result = result.collect()
    if module == "polars" and name == "DataFrame":
        return result.to_arrow()
    if hasattr(result, "__arrow_c_stream__"):
        return pa.table(result)
    if hasattr(result, "fetch_arrow_table"):
        return result.fetch_arrow_table()
    kind = "None" if result is None else f"`{module}.{name}`"
    raise Failed("result", f"The model returns {kind}, which is no table of pandas, polars or pyarrow")


def plain(value):
    """A nested value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return float(value) if type(value).__name__ == "Decimal" else str(value)


def storable(table):
    """The table in types that the warehouse stores, and its columns that hold JSON."""
    pa = arrow()
    types, columns, fields, nested = pa.types, [], [], []
    names = table.column_names
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Failed("result", f"The returned table has several columns called `{twice.pop()}`")
    for field, column in zip(table.schema, table.columns):
        kind = field.type
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
            column = column.cast(kind)
        if types.is_dictionary(kind):
            kind = kind.value_type
            column = column.cast(kind)
        if types.is_nested(kind):
            texts = [None if value is None else json.dumps(plain(value)) for value in column.to_pylist(
                **({"maps_as_pydicts": "lossy"} if types.is_map(kind) else {}))]
            column, wanted = pa.chunked_array([texts], pa.string()), pa.string()
            nested.append(field.name)
        elif types.is_null(kind) or types.is_large_string(kind) or types.is_string(kind) or kind == pa.string_view():
            wanted = pa.string()
        elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind) \
                or kind == pa.binary_view():
            wanted = pa.binary()
        elif types.is_integer(kind):
            wanted = pa.int64()
        elif types.is_floating(kind):
            wanted = pa.float64()
        elif types.is_timestamp(kind):
            wanted = pa.timestamp("us", "UTC" if kind.tz else None)
        elif types.is_date(kind):
            wanted = pa.date32()
        elif types.is_time(kind):
            wanted = pa.time64("us")
        elif types.is_decimal(kind):
            wanted = pa.decimal128(38, kind.scale) if kind.bit_width > 128 else \
                pa.decimal128(kind.precision, kind.scale)
        elif types.is_boolean(kind):
            wanted = kind
        else:
            raise Failed("result", f"Column `{field.name}` of the returned table has the type {kind}, "
                                   "which the warehouse does not store")
        try:
            loses = types.is_timestamp(kind)
            columns.append(column if column.type == wanted else column.cast(wanted, safe=not loses))
        except pa.ArrowInvalid as error:
            raise Failed("result", f"Column `{field.name}` of the returned table does not fit: {error}") from error
        fields.append(pa.field(field.name, wanted))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields)), nested


def run(job, exchange):
    check_packages(job["packages"])
    with open(job["code"], encoding="utf-8") as file:
        code = compile("\n" * job["lines"] + file.read(), job["file"], "exec", dont_inherit=True)
    space = {"__name__": "__sluice_model__", "__file__": job["file"]}
    sys.path.insert(0, job["folder"])
    exec(code, space)
    rows = loader(exchange, job["kind"])
    dbt = space["dbtObj"](lambda name: rows(f"select * from {name}"))
    result = space["model"](dbt, Session(exchange, rows))
    table, nested = storable(as_arrow(result))
    pa = arrow()
    with pa.OSFile(job["result"], "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=65536)
    return nested


def place(error, file):
    """The innermost line of the model's file."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    exchange = Exchange()
    sys.stdout = said = Said(exchange)
    try:
        nested = run(job, exchange)
        said.end()
        exchange.tell(op="done", nested=nested)
    except BaseException as error:
        said.end()
        about, help, message = "model", None, f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError):
            message = f"SyntaxError: {error.msg}"
        if isinstance(error, ModuleNotFoundError):
            about = "package"
            message = f"The model imports `{error.name}`, which is not installed"
            help = f"pip install {(error.name or '').split('.')[0]}"
        if isinstance(error, Failed):
            about, help, message = error.about, error.help, str(error)
        else:
            traceback.print_exc()
        sys.stderr.flush()
        exchange.tell(op="failed", about=about, message=message, help=help, line=place(error, job["file"]),
                      python=sys.executable)
    sys.stderr.flush()
    os._exit(0)


main()
