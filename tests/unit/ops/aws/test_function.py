import pytest

from ops.aws.function import InvocationResult, read_batch_response

NAMES = ["a", "b", "c", "d"]


def failures(*names: str) -> str:
    return ", ".join(f'{{"itemIdentifier": "{name}"}}' for name in names)


@pytest.mark.parametrize("text", ["", "null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}'])
def test_a_response_that_names_no_record_is_a_success_of_all(text: str) -> None:
    assert read_batch_response(text.encode(), NAMES, in_order=True) == InvocationResult()


def test_of_a_stream_everything_from_the_first_failed_record_on_is_undone() -> None:
    text = f'{{"batchItemFailures": [{failures("d", "b")}], "refused": {{"a": "never", "c": "never"}}}}'

    result = read_batch_response(text.encode(), NAMES, in_order=True)

    assert result == InvocationResult(failed=frozenset({1}), undone=(1, 2, 3), refused={0: "never"})


def test_of_a_queue_only_the_failed_records_are_undone_and_what_is_refused_is_not() -> None:
    text = f'{{"batchItemFailures": [{failures("d", "b", "c")}], "refused": {{"c": "never"}}}}'

    result = read_batch_response(text.encode(), NAMES, in_order=False)

    assert result == InvocationResult(failed=frozenset({1, 3}), undone=(1, 3), refused={2: "never"})


def test_records_that_share_a_name_fail_together() -> None:
    text = f'{{"batchItemFailures": [{failures("a")}]}}'

    assert read_batch_response(text.encode(), ["a", "b", "a"], in_order=False).undone == (0, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON", "isn't JSON"),
        ("[1]", "isn't a partial batch response"),
        ('{"batchItemFailures": 3}', "isn't a partial batch response"),
        ('{"batchItemFailures": [], "refused": ["a"]}', "isn't a partial batch response"),
        ('{"batchItemFailures": [{"itemIdentifier": "x"}]}', "wasn't in the batch: 'x'"),
        ('{"batchItemFailures": [3]}', "wasn't in the batch: None"),
        ('{"refused": {"x": "never"}}', "wasn't in the batch: 'x'"),
    ],
)
def test_a_response_that_can_t_be_understood_settles_nothing(text: str, said: str) -> None:
    assert said in (read_batch_response(text.encode(), NAMES, in_order=False).error or "")
