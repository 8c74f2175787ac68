"""Formulas over a panel as text, such as `basis * avg.accounts_receivable / ttm.revenue`.

One small evaluator serves every ratio and score, so that value, reason and explanation cannot disagree.
A leaf is `view.item` (see periods.Panel) or the name of a setting; operators are + − * / and the functions
listed in FUNCTIONS. A division by zero or by a negative denominator gives no value but a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.glance import Glance, named, number

FUNCTIONS: dict[str, Callable] = {
    "abs": np.abs,
    "ln": lambda x: np.log(np.where(x > 0, x, np.nan)),
    "normal": ndtr,
    "logistic": expit,
    "positive": lambda x: np.where(np.isnan(x), np.nan, x > 0),
    "negative": lambda x: np.where(np.isnan(x), np.nan, x < 0),
    "highest": lambda *each: np.max(each, axis=0),
    "lowest": lambda *each: np.min(each, axis=0),
    "cagr": lambda now, then, years: np.where((now > 0) & (then > 0), _power(now, then, years), np.nan),
}
_OPERATORS = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide}
SMALL = 1e-9


def _power(now: np.ndarray, then: np.ndarray, years: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return (now / then) ** (1 / years) - 1


@dataclass
class Result:
    """Values on the panel's rows and, where a value is missing, a code into `reasons` (0 = none)."""

    values: np.ndarray
    codes: np.ndarray


@dataclass
class Evaluator:
    """Evaluates formulas on one panel with settings such as {'basis': 360}, one number or one a row."""

    panel: Panel
    settings: dict[str, float | np.ndarray]
    reasons: list[str | None] = field(default_factory=lambda: [None])
    _code_of: dict[str, int] = field(default_factory=dict)
    _leaves: dict[tuple[str, str], Result] = field(default_factory=dict)

    def evaluate(self, formula: str, *, zero_reason: str | None = None) -> Result:
        """The formula on every row; `zero_reason` replaces the reason of a denominator that is not positive."""
        return self._node(_parse(formula), zero_reason)

    def table(self, formulas: dict[str, str], zero_reasons: dict[str, str] | None = None) -> pd.DataFrame:
        """A `ratios` table (borrower_id, period_end, ratio, value, reason) of all formulas on all rows."""
        zero_reasons = zero_reasons or {}
        results = {name: self.evaluate(text, zero_reason=zero_reasons.get(name)) for name, text in formulas.items()}
        rows, count = self.panel.rows, len(formulas)
        codes = np.concatenate([np.where(np.isnan(r.values), r.codes, 0) for r in results.values()])
        names = pd.Categorical.from_codes(np.repeat(np.arange(count), len(rows)), list(formulas))
        return pd.DataFrame(
            {
                "borrower_id": np.tile(rows["borrower_id"], count),
                "period_end": np.tile(rows["period_end"], count),
                "ratio": pd.Series(names).astype("str"),
                "value": np.concatenate([result.values for result in results.values()]),
                "reason": pd.Categorical.from_codes(codes.astype(int) - 1, self.reasons[1:]),
            }
        )

    def _code(self, reason: str) -> int:
        if reason not in self._code_of:
            self._code_of[reason] = len(self.reasons)
            self.reasons.append(reason)
        return self._code_of[reason]

    def _missing(self, values: np.ndarray, codes: np.ndarray, reason: str) -> Result:
        return Result(values, np.where(np.isnan(values) & (codes == 0), self._code(reason), codes))

    def _node(self, node: ast.expr, zero_reason: str | None) -> Result:
        size = len(self.panel.rows)
        if isinstance(node, ast.Constant):
            return Result(np.full(size, float(node.value)), np.zeros(size, int))
        if isinstance(node, ast.Name):
            return Result(np.full(size, self._setting(node.id), float), np.zeros(size, int))
        if isinstance(node, ast.Attribute):
            return self._leaf(node.value.id, node.attr)
        if isinstance(node, ast.UnaryOp):
            inner = self._node(node.operand, zero_reason)
            return Result(-inner.values, inner.codes)
        if isinstance(node, ast.BinOp):
            return self._binary(node, zero_reason)
        return self._call(node, zero_reason)

    def _setting(self, name: str) -> float | np.ndarray:
        if name not in self.settings:
            raise ContractError(f"formula uses unknown setting {name!r}; known: {sorted(self.settings)}")
        return self.settings[name]

    def _leaf(self, view: str, item: str) -> Result:
        if (view, item) not in self._leaves:
            frame, size = self.panel.view(view), len(self.panel.rows)
            values = np.asarray(frame[item], float) if item in frame else np.full(size, np.nan)
            self._leaves[view, item] = self._missing(values, np.zeros(size, int), f"missing:{view}.{item}")
        return self._leaves[view, item]

    def _binary(self, node: ast.BinOp, zero_reason: str | None) -> Result:
        left, right = self._node(node.left, zero_reason), self._node(node.right, zero_reason)
        codes = np.where(left.codes != 0, left.codes, right.codes)
        divisor = right.values
        if isinstance(node.op, ast.Div):
            bad = ~np.isnan(divisor) & (divisor <= SMALL)
            reason = zero_reason or f"not_positive:{_text(node.right)}"
            codes = np.where(bad & (codes == 0), self._code(reason), codes)
            divisor = np.where(bad, np.nan, divisor)
        return Result(_OPERATORS[type(node.op)](left.values, divisor), codes)

    def _call(self, node: ast.Call, zero_reason: str | None) -> Result:
        arguments = [self._node(argument, zero_reason) for argument in node.args]
        if node.func.id == "coalesce":  # the first value there is
            first, second = arguments
            missing = np.isnan(first.values)
            return Result(np.where(missing, second.values, first.values), np.where(missing, second.codes, first.codes))
        codes = np.zeros(len(self.panel.rows), int)
        for argument in arguments:
            codes = np.where(codes != 0, codes, argument.codes)
        values = FUNCTIONS[node.func.id](*(argument.values for argument in arguments))
        return self._missing(np.asarray(values, float), codes, f"undefined:{_text(node)}")


_text = cache(ast.unparse)  # of the nodes of parsed formulas, which stay


@cache
def _parse(formula: str) -> ast.expr:
    tree = ast.parse(formula, mode="eval").body
    for node in ast.walk(tree):
        allowed = (
            ast.BinOp,
            ast.UnaryOp,
            ast.Call,
            ast.Attribute,
            ast.Name,
            ast.Constant,
            ast.Load,
            ast.USub,
        )
        if not isinstance(node, (*allowed, *_OPERATORS)):
            raise ContractError(f"formula {formula!r}: {type(node).__name__} is not allowed")
        if isinstance(node, ast.Call) and node.func.id not in {*FUNCTIONS, "coalesce"}:
            raise ContractError(f"formula {formula!r}: unknown function {node.func.id!r}")
    return tree


@cache
def leaves(formula: str) -> tuple[str, ...]:
    """The `view.item` leaves of a formula, in reading order, each once."""
    found = [ast.unparse(node) for node in ast.walk(_parse(formula)) if isinstance(node, ast.Attribute)]
    order = {leaf: formula.find(leaf) for leaf in found}
    return tuple(sorted(order, key=order.get))


@cache
def needed(formula: str) -> tuple[str, ...]:
    """The leaves that nothing makes up for (no `coalesce`), in reading order."""
    calls = [node for node in ast.walk(_parse(formula)) if isinstance(node, ast.Call) and node.func.id == "coalesce"]
    spare = {_text(leaf) for call in calls for leaf in ast.walk(call) if isinstance(leaf, ast.Attribute)}
    return tuple(leaf for leaf in leaves(formula) if leaf not in spare)


@dataclass(frozen=True, repr=False)
class Explanation(Glance):
    """How one figure came about.

    `inputs` has a row per leaf (leaf, value); `facts` a row per reported figure behind a leaf (leaf, weight,
    period_end, months, item, amount, currency, known_on, source, derived).
    """

    ratio: str
    borrower_id: str
    period_end: pd.Timestamp
    formula: str
    value: float
    reason: str | None
    currency: str
    inputs: pd.DataFrame
    facts: pd.DataFrame

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """Formula, numbers put in and value (or why there is none); then every reported fact behind it."""
        value = number(self.value) if self.reason is None else f"no value, {self.reason}"
        head = f"{named('ratio', self.ratio)}, {self.borrower_id}, {self.period_end:%Y-%m-%d}, {self.currency}"
        return f"{head}\n= {self.formula}\n= {self.with_numbers()}\n= {value}", [self.facts]

    def with_numbers(self, number: Callable[[float], str] = "{:,.2f}".format) -> str:
        """The formula with its numbers put in, e.g. `360 * 120.00 / 2,000.00`."""
        text = self.formula
        for leaf, value in sorted(
            zip(self.inputs["leaf"], self.inputs["value"], strict=True), key=lambda p: -len(p[0])
        ):
            text = text.replace(leaf, "?" if np.isnan(value) else number(value))
        return text


def explain(
    evaluator: Evaluator, ratio: str, formula: str, at: tuple[str, str], zero_reason: str | None
) -> Explanation:
    """Explain one formula for one (borrower_id, period_end) of the evaluator's panel."""
    panel = evaluator.panel
    key = panel.locate(*at)
    position = panel.rows.index.get_loc(key)
    result = evaluator.evaluate(formula, zero_reason=zero_reason)
    inputs, traced = [], []
    for leaf in leaves(formula):
        inputs.append((leaf, float(evaluator.evaluate(leaf).values[position])))
        traced += [(leaf, weight, place) for weight, place in panel.trace(*leaf.split("."), key)]
    facts = panel.statements.iloc[[place for *_, place in traced]].reset_index(drop=True)
    facts.insert(0, "leaf", [leaf for leaf, *_ in traced])
    facts.insert(1, "weight", [float(weight) for _, weight, _ in traced])
    del facts["borrower_id"]
    mine = panel.statements.loc[panel.statements["borrower_id"] == at[0], "currency"]
    return Explanation(
        ratio,
        at[0],
        pd.Timestamp(at[1]),
        formula,
        float(result.values[position]),
        evaluator.reasons[result.codes[position]] if np.isnan(result.values[position]) else None,
        mine.iloc[-1],
        pd.DataFrame(inputs, columns=["leaf", "value"]),
        facts,
    )
