"""Recorded episodes as three tables, metrics, incidents and actions, in JSON lines, CSV or Parquet."""

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

Row = dict[str, Any]

EPISODE = {"scenario": "string", "policy": "string", "level": "int64"}
"""What every row begins with: the episode that it belongs to."""
COLUMNS = {
    "metrics": EPISODE
    | {
        "time": "double",
        "tick_id": "int64",
        "node_id": "string",
        "service_id": "string",
        "metric_name": "string",
        "metric_value": "double",
        "labels": "string",
    },
    "incidents": EPISODE
    | {
        "id": "string",
        "severity": "int64",
        "title": "string",
        "description": "string",
        "rule_name": "string",
        "target_kind": "string",
        "target": "string",
        "detected_at": "double",
        "tick_id": "int64",
        "resolved": "bool",
    },
    "actions": EPISODE
    | {
        "id": "string",
        "incident_id": "string",
        "proposed_at_tick": "int64",
        "action_type": "string",
        "target_id": "string",
        "status": "string",
        "reason": "string",
    },
}
"""The tables and their columns, with Arrow's names of their types.

`time` and `detected_at` are seconds from the episode's start, and `labels` is a JSON object as text. An incident has a row
when it opens and one when it resolves.
"""


class DamagedRecording(ValueError):
    """A recording that is cut short or altered; the message names the file and, where there is one, the line."""


def recordings(folder: str | os.PathLike[str]) -> list[Path]:
    """The recordings in a folder that `evaluate --record` wrote, by name.

    Raises:
        FileNotFoundError: the folder does not exist, or holds none.
    """
    files = sorted(Path(folder).glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"{folder}: no recording; `evaluate --record {folder}` writes them")
    return files


def rows(recording: str | os.PathLike[str]) -> Iterator[tuple[str, Row]]:
    """A recording's rows, each with the name of its table, in the order in which things happened.

    Raises:
        DamagedRecording: a file that cannot be read or is empty, a line that is no JSON object or lacks what it must have;
            the message names the line.
        ValueError: a recording of another schema.
    """
    header: Row | None = None
    for number, text in enumerate(_lines(recording), start=1):
        place = f"{recording}, line {number}"
        try:
            line = json.loads(text)
        except ValueError as error:
            raise DamagedRecording(f"{place}: {error}") from error
        except RecursionError:
            raise DamagedRecording(f"{place}: nested too deeply") from None
        if not isinstance(line, dict):
            raise DamagedRecording(f"{place}: {_short(line)}; allowed: a JSON object")
        try:
            if header is None:
                header = _header(line)
            else:
                yield from _of_line(header, line)
        except DamagedRecording as error:
            raise DamagedRecording(f"{place}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{recording}: {error}") from None
    if header is None:
        raise DamagedRecording(f"{recording}: it is empty")


def _lines(recording: str | os.PathLike[str]) -> Iterator[bytes]:
    try:
        with open(recording, "rb") as lines:
            yield from lines
    except OSError as error:
        raise DamagedRecording(f"{recording}: cannot read: {error.strerror}") from error


def _header(line: Row) -> Row:
    if line.get("kind") != "episode":
        raise DamagedRecording('it has no `"kind": "episode"`; allowed: what `evaluate --record` writes')
    if line.get("schema") != 2:
        raise ValueError("it is no recording of schema 2")
    header = {key: _column(line, key, kind) for key, kind in EPISODE.items()}
    names = line.get("metric_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DamagedRecording(f"metric_names = {_short(names)}; allowed: a list of names")
    return header | {"metric_names": names}


_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "int64": (int,), "double": (int, float), "bool": (bool,)}


def _column(line: Row, key: str, kind: str) -> Any:
    """A field of a line, which must be there and of its column's type, or null except in a header."""
    if key not in line:
        raise DamagedRecording(f"`{key}` is missing")
    return _checked(line[key], key, kind, may_be_null=key not in EPISODE)


def _checked(value: Any, key: str, kind: str, may_be_null: bool = True) -> Any:
    fits = isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
    in_range = not isinstance(value, int) or -(2**63) <= value < 2**63
    if not (fits and in_range or value is None and may_be_null):
        raise DamagedRecording(f"{key} = {_short(value)}; allowed: a value of the type {kind}")
    return value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _of_line(header: Row, line: Row) -> Iterator[tuple[str, Row]]:
    episode = {key: header[key] for key in EPISODE}
    subject = line.get("subject")
    if subject == "sim.metrics":
        names, values = header["metric_names"], line.get("values")
        if not isinstance(values, list) or len(values) != len(names):
            found = f"{len(values)} values" if isinstance(values, list) else f"values = {_short(values)}"
            raise DamagedRecording(f"{found}; allowed: a list of {len(names)}, one for each of `metric_names`")
        time, tick = _column(line, "time", "double"), _column(line, "tick_id", "int64")
        for name, value in zip(names, values, strict=True):
            kind, _, rest = name.partition(".")
            target, _, metric = rest.rpartition(".")
            ids = {"node": (target, None), "service": (None, target)}.get(kind, (None, None))
            labels = {"kind": kind} | ({"zone": target} if kind == "zone" else {})
            yield (
                "metrics",
                episode
                | {
                    "time": time,
                    "tick_id": tick,
                    "node_id": ids[0],
                    "service_id": ids[1],
                    "metric_name": metric,
                    "metric_value": _checked(value, name, "double"),
                    "labels": json.dumps(labels),
                },
            )
    elif subject in ("ops.incidents", "ops.actions"):
        table = subject.removeprefix("ops.")
        yield (
            table,
            episode | {key: _column(line, key, kind) for key, kind in COLUMNS[table].items() if key not in EPISODE},
        )


def _json_lines(file: TextIO, _: str) -> Callable[[Row], None]:
    return lambda row: print(json.dumps(row, separators=(",", ":")), file=file)


def _csv(file: TextIO, table: str) -> Callable[[Row], None]:
    writer = csv.DictWriter(file, COLUMNS[table], lineterminator="\n")
    writer.writeheader()
    return writer.writerow


_TEXT_FORMATS = {"jsonl": _json_lines, "csv": _csv}
FORMATS = (*_TEXT_FORMATS, "parquet")


def write_tables(
    folder: str | os.PathLike[str], out: str | os.PathLike[str], format: str = "parquet"
) -> dict[str, Path]:
    """Writes the recordings of a folder as `metrics`, `incidents` and `actions`, and returns the files by table.

    A table is written beside its place and moved there when all of them are whole.

    Args:
        folder: what `evaluate --record` wrote.
        out: the folder of the tables, which is made where it does not exist.
        format: `jsonl`, `csv`, or `parquet`, for which pyarrow must be installed.

    Raises:
        FileNotFoundError: no recording there.
        DamagedRecording: a recording that is cut short or altered.
        ValueError: an unknown format, or a recording of another schema.
        ModuleNotFoundError: no pyarrow.
        OSError: the tables cannot be written.
    """
    if format not in FORMATS:
        raise ValueError(f"format = {format!r}; allowed: {', '.join(FORMATS)}")
    files = recordings(folder)
    Path(out).mkdir(parents=True, exist_ok=True)
    places = {table: Path(out) / f"{table}.{format}" for table in COLUMNS}
    parts = {table: place.with_name(f".{place.name}.part") for table, place in places.items()}
    try:
        if format == "parquet":
            _write_parquet(files, parts)
        else:
            _write_text(files, parts, format)
        for table, part in parts.items():
            part.replace(places[table])
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return places


def _write_text(files: list[Path], parts: dict[str, Path], format: str) -> None:
    with ExitStack() as stack:
        put = {}
        for table, part in parts.items():
            file = stack.enter_context(open(part, "w", encoding="utf-8", newline=""))
            put[table] = _TEXT_FORMATS[format](file, table)
        for recording in files:
            for table, row in rows(recording):
                put[table](row)


def _write_parquet(files: list[Path], parts: dict[str, Path]) -> None:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Parquet needs pyarrow: pip install pyarrow") from error
    types = {"string": arrow.string(), "int64": arrow.int64(), "double": arrow.float64(), "bool": arrow.bool_()}
    schemas = {
        table: arrow.schema([(name, types[kind]) for name, kind in columns.items()])
        for table, columns in COLUMNS.items()
    }
    with ExitStack() as stack:
        writers = {
            table: stack.enter_context(parquet.ParquetWriter(part, schemas[table])) for table, part in parts.items()
        }
        # An episode at a time: a folder of recordings need not fit into memory.
        for recording in files:
            batches: dict[str, list[Row]] = {table: [] for table in COLUMNS}
            for table, row in rows(recording):
                batches[table].append(row)
            for table, batch in batches.items():
                if batch:
                    writers[table].write_table(arrow.Table.from_pylist(batch, schema=schemas[table]))


def main(arguments: list[str] | None = None) -> int:
    """`python -m microcloud_gym.tables DIR -o OUT --format parquet|jsonl|csv`."""
    parser = argparse.ArgumentParser(
        prog="python -m microcloud_gym.tables",
        description="Writes recorded episodes as tables of metrics, incidents and actions.",
    )
    parser.add_argument("folder", metavar="DIR", help="what `evaluate --record DIR` wrote")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the folder of the tables")
    parser.add_argument("--format", choices=FORMATS, default="parquet")
    given = parser.parse_args(arguments)
    try:
        places = write_tables(given.folder, given.out, given.format)
    except DamagedRecording as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except (FileNotFoundError, ValueError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {given.out}: cannot write: {error}", file=sys.stderr)
        return 5
    print("\n".join(map(str, places.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
