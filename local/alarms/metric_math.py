"""How CloudWatch evaluates an expression over metrics, for the functions that our alarms use.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

import ast
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Minute = Mapping[str, float | None]
"""The value of each metric in one minute by the metric's id; None where nothing was measured."""

_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
    ast.Lt: lambda left, right: left < right,
}


def value_of(expression: str, minute: Minute) -> float | None:
    """Return an expression's value in one minute; None where a metric is missing, or for x / 0.

    Raises:
        KeyError: the expression names a metric that has no id, or a function that isn't known here.
    """
    return _value(_parsed(expression), minute)


@cache
def _parsed(expression: str) -> ast.expr:
    # The form is one that Python has too.
    return ast.parse(expression, mode="eval").body


def _value(node: Any, minute: Minute) -> float | None:
    match node:
        case ast.Constant():
            return float(str(node.value))
        case ast.Name():
            return minute[node.id]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filler]):
            found = _value(metric, minute)
            return _value(filler, minute) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            holds = _value(condition, minute)
            return None if holds is None else _value(then if holds else otherwise, minute)
        case ast.BinOp():
            return _combined(node.op, _value(node.left, minute), _value(node.right, minute))
        case ast.Compare(ops=[comparison], comparators=[right]):
            return _combined(comparison, _value(node.left, minute), _value(right, minute))
        case _:
            raise KeyError(ast.unparse(node))


def _combined(sign: ast.AST, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        return float(_OPERATORS[type(sign)](left, right))
    except ZeroDivisionError:
        return None
