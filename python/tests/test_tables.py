"""Tables hold what recordings say, in every format."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microcloud_gym import _core, tables


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recorded episodes of a policy that acts."""
    folder = tmp_path_factory.mktemp("recordings")
    arguments = ["random", "--episodes", "2", "--control-episodes", "1", "--record", str(folder)]
    assert _core.run_command("evaluate", arguments) == 0
    return folder


def lines(folder: Path, subject: str) -> Iterator[dict[str, Any]]:
    """The lines of a subject, in the order of the tables."""
    for file in tables.recordings(folder):
        for text in file.read_text().splitlines():
            line = json.loads(text)
            if line.get("subject") == subject:
                yield line


def test_json_lines_hold_every_action_and_incident_of_the_recordings(recordings: Path, tmp_path: Path) -> None:
    places = tables.write_tables(recordings, tmp_path, "jsonl")
    for table, subject in (("actions", "ops.actions"), ("incidents", "ops.incidents")):
        rows = [json.loads(text) for text in places[table].read_text().splitlines()]
        assert [row["id"] for row in rows] == [line["id"] for line in lines(recordings, subject)]
        assert rows and all(list(row) == list(tables.COLUMNS[table]) for row in rows)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["actions.jsonl", "incidents.jsonl", "metrics.jsonl"]


def test_a_metric_has_a_row_for_every_snapshot_and_target(recordings: Path, tmp_path: Path) -> None:
    places = tables.write_tables(recordings, tmp_path, "csv")
    with open(places["metrics"], newline="") as file:
        seen = [row for row in csv.DictReader(file) if row["metric_name"] == "utilisation"]
    snapshots = list(lines(recordings, "sim.metrics"))
    assert len(seen) == 12 * len(snapshots)
    assert {row["service_id"] for row in seen} >= {"gateway", "auth", "database"}
    assert float(seen[0]["metric_value"]) == snapshots[0]["values"][3]


def test_parquet_holds_what_json_lines_hold(recordings: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    text, binary = tables.write_tables(recordings, tmp_path, "jsonl"), tables.write_tables(recordings, tmp_path)
    for table in tables.COLUMNS:
        rows = [json.loads(line) for line in text[table].read_text().splitlines()]
        assert parquet.read_table(binary[table]).to_pylist() == rows


def test_mistakes_are_answered_on_one_line_and_leave_nothing(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jsonl").write_text('{"kind": "episode", "schema": 1}\n')
    (tmp_path / "file").write_text("")
    cases = [
        ([str(tmp_path / "nothing"), "-o", str(tmp_path / "out")], 2, "no recording"),
        ([str(tmp_path / "broken"), "-o", str(tmp_path / "out"), "--format", "csv"], 2, "no recording of schema 2"),
        ([str(recordings), "-o", str(tmp_path / "file"), "--format", "csv"], 5, "cannot write"),
    ]
    for arguments, code, message in cases:
        assert tables.main(arguments) == code
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


HEADER: dict[str, Any] = {
    "kind": "episode",
    "schema": 2,
    "scenario": "s",
    "policy": "p",
    "level": 3,
    "metric_names": ["service.auth.load"],
}
ACTION: dict[str, Any] = {"subject": "ops.actions"} | dict.fromkeys(list(tables.COLUMNS["actions"])[3:])


@pytest.mark.parametrize(
    ("lines", "number", "message"),
    [
        ([HEADER, 5], 2, "5; allowed: a JSON object"),
        ([5], 1, "5; allowed: a JSON object"),
        ([{"kind": "decision"}], 1, "evaluate --record"),
        ([{key: HEADER[key] for key in HEADER if key != "scenario"}], 1, "`scenario` is missing"),
        ([HEADER | {"level": None}], 1, "level = null; allowed: a value of the type int64"),
        ([HEADER | {"metric_names": 7}], 1, "metric_names = 7"),
        ([HEADER, {"subject": "sim.metrics", "time": 1.0, "tick_id": 1}], 2, "values = null; allowed: a list of 1"),
        ([HEADER, {"subject": "sim.metrics", "time": 1.0, "tick_id": 1, "values": [1, 2]}], 2, "2 values; allowed"),
        ([HEADER, {"subject": "sim.metrics", "time": 1.0, "tick_id": 1, "values": ["x"]}], 2, "service.auth.load"),
        ([HEADER, {"subject": "sim.metrics", "tick_id": 1, "values": [1]}], 2, "`time` is missing"),
        ([HEADER, ACTION, ACTION | {"proposed_at_tick": 2**64}], 3, "proposed_at_tick = 18446744073709551616"),
        ([HEADER, ACTION | {"reason": ["x"]}], 2, "reason = "),
        ([HEADER, {"subject": "ops.actions"}], 2, "`id` is missing"),
    ],
)
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_damage_is_answered_with_file_and_line(
    lines: list[Any],
    number: int,
    message: str,
    format: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert tables.main([str(tmp_path), "-o", str(tmp_path / "out"), "--format", format]) == 3
    said = capsys.readouterr().err
    assert f"a.jsonl, line {number}: " in said and message in said and said.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("text", [b"", b'{"kind": "epis', b"\xff\xfe\x00", b"[" * 100_000])
def test_a_recording_that_is_no_text_or_cut_short_is_named(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(text)
    assert tables.main([str(tmp_path), "-o", str(tmp_path / "out"), "--format", "csv"]) == 3
    said = capsys.readouterr().err
    assert "a.jsonl" in said and said.count("\n") == 1
