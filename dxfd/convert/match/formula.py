"""Formulas of derivation rules: `height = ceiling_height - 0.6`, with + - * /, brackets, min, max, abs and round.

Pure. Parsed by Python's own parser and walked node by node: nothing of it is ever executed.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Final

_LONGEST: Final = 500
_TARGET: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)(.*)", re.DOTALL)
_OPERATIONS: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {"min": min, "max": max, "abs": abs, "round": round}


class FormulaError(Exception):
    """A formula cannot be understood or has no value; the message says why."""


def split(formula: str, default_target: str) -> tuple[str, str]:
    """Return what a formula sets, in small letters, and its expression."""
    match = _TARGET.fullmatch(formula)
    if match is None:
        return default_target.strip().lower(), formula
    return match.group(1).lower(), match.group(2)


def value(expression: str, names: Mapping[str, float]) -> float:
    """Return the value of an expression.

    Raises:
        FormulaError: not understood, a name is not known, or it divides by nothing.
    """
    if len(expression) > _LONGEST:
        raise FormulaError(f"is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        found = _value(tree.body, names)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormulaError(f"{expression.strip()!r} is no formula") from None
    except (ZeroDivisionError, OverflowError, TypeError):
        raise FormulaError(f"{expression.strip()!r} has no value") from None
    if not abs(found) < float("inf"):
        raise FormulaError(f"{expression.strip()!r} has no value")
    return found


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            if name.lower() not in names:
                raise FormulaError(f"knows no {name}; known are {', '.join(sorted(names))}")
            return names[name.lower()]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name.lower() in _FUNCTIONS and arguments:
            return float(_FUNCTIONS[name.lower()](*(_value(argument, names) for argument in arguments)))
    raise FormulaError(f"has {ast.unparse(node)!r}, which is not understood")
