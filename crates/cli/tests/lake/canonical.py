# How tests write the value of a cell, whichever reader it comes from.
import datetime
import decimal


def text(value):
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            return str(int(value.timestamp()))
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, dict):
        return text(list(value.values()))
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(text(item) for item in value) + "]"
    return str(value)


def lines(rows):
    """The rows as sorted lines, their columns joined by `|`."""
    return sorted("|".join(text(value) for value in row) for row in rows)
