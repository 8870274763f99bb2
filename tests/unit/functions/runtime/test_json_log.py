"""One event is one line of JSON on the present standard output."""

import json

import pytest

from functions.runtime.json_log import LINES_PER_WRITE, BufferedLog, log


def test_a_line_begins_with_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    log("INFO", "USER ADDED:", userId="u-1", image={"name": "Zoé\n"})
    printed = capsys.readouterr().out
    assert printed == '{"level":"INFO","message":"USER ADDED:","userId":"u-1","image":{"name":"Zo\\u00e9\\n"}}\n'
    assert list(json.loads(printed)) == ["level", "message", "userId", "image"]


def test_buffered_lines_are_written_once_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    collected = BufferedLog()
    collected("INFO", "first", number=1)
    collected("ERROR", "second")
    assert capsys.readouterr().out == ""
    collected.write()
    collected.write()
    assert capsys.readouterr().out == (
        '{"level":"INFO","message":"first","number":1}\n{"level":"ERROR","message":"second"}\n'
    )


def test_buffered_lines_are_written_at_a_hundred(capsys: pytest.CaptureFixture[str]) -> None:
    collected = BufferedLog()
    for number in range(LINES_PER_WRITE + 1):
        collected("INFO", "line", number=number)
    written = capsys.readouterr().out
    collected.write()
    numbers = [json.loads(line)["number"] for line in (written + capsys.readouterr().out).splitlines()]
    assert written.count("\n") == LINES_PER_WRITE
    assert numbers == list(range(LINES_PER_WRITE + 1))
