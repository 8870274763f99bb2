"""One event is one line of JSON on whatever standard output is at that time."""

import json

import pytest

from functions.runtime.json_log import LINES_PER_WRITE, BufferedLog, log


def test_a_line_begins_with_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    log("INFO", "USER ADDED:", userId="u-1", image={"name": "Zoé\n"})
    printed = capsys.readouterr().out
    assert printed == '{"level":"INFO","message":"USER ADDED:","userId":"u-1","image":{"name":"Zo\\u00e9\\n"}}\n'
    assert list(json.loads(printed)) == ["level", "message", "userId", "image"]


def test_collected_lines_are_written_in_order_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    collected = BufferedLog()
    collected("INFO", "first", number=1)
    collected("ERROR", "second")
    assert capsys.readouterr().out == ""
    collected.write()
    collected.write()
    assert capsys.readouterr().out == (
        '{"level":"INFO","message":"first","number":1}\n{"level":"ERROR","message":"second"}\n'
    )


def test_collected_lines_do_not_wait_for_more_than_a_hundred(capsys: pytest.CaptureFixture[str]) -> None:
    collected = BufferedLog()
    for number in range(LINES_PER_WRITE + 1):
        collected("INFO", "line", number=number)
    written = capsys.readouterr().out
    collected.write()
    numbers = [json.loads(line)["number"] for line in (written + capsys.readouterr().out).splitlines()]
    assert written.count("\n") == LINES_PER_WRITE
    assert numbers == list(range(LINES_PER_WRITE + 1))
