"""What was said and what others' papers show: contacts, stated figures, promises, sign-offs, cross-checks, events.

How often the bank calls differs (every 45 to 122 days). Promises are kept but for S0005, S0013, S0014, S0015 and S0024
(broken) and S0009, S0026 and once S0011 (late). S0026 refuses papers twice, S0005 once, S0024 no longer comes to the
telephone. Tax, power, payroll and bank flows agree with the statements within two per cent; S0031 declares a quarter
less than it reports while its power use stands still, S0009 an eighth less. The talks with the cases are in
sample_case_talks.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from postloan.book.sample_cases import CASES
from postloan.book.sample_ledger import LOOKS, TODAY, Client, day
from postloan.book.sample_loans import OFFICERS

_EVERY = (91, 61, 122, 45)
_BROKEN, _LATE = {4, 14, 23}, {8, 25}
_DECLARED = {8: 0.88, 30: 0.74}  # of reported sales
_PROMISES = (
    "按月报送回款台账", "收回逾期客户货款并归集至本行", "补交上年度审计报告", "续保抵押物财产险", "提供新签订单合同",
)  # fmt: skip
_SAID = {
    "well": ("订单稳定，回款正常", "本季产销平稳，原料价格略降", "新客户导入顺利", "正常经营，无重大变化"),
    "badly": ("客户付款拖延，资金偏紧", "订单减少，已裁减临时工", "正与客户协商回款", "同业竞争加剧，价格下行"),
}
_BAD = {4: "2025-03-01", 14: "2026-02-01", 23: "2025-06-01", 8: "2026-01-01"}
_REFUSALS = {4: {"2026-04-16": 1}, 25: {"2026-02-25": 2, "2026-04-22": 2}, 23: {"2026-02-12": 3}}


def talk(client: Client) -> None:
    """Write the contacts of an ordinary client and what was promised, signed and happened."""
    if client.number not in CASES:
        _contacts(client)
    _refusals(client)
    _cross_checks(client)
    _events(client)


def _contacts(client: Client) -> None:
    every = _EVERY[client.number % len(_EVERY)]
    held, turn = day(pd.Timestamp("2024-06-03") + pd.Timedelta(days=3 * client.number)), 1
    while held <= TODAY - pd.Timedelta(days=3):
        if client.number != 23 or held < pd.Timestamp("2026-03-10"):
            _contact(client, f"K{turn}", held, turn)
        held, turn = day(held + pd.Timedelta(days=every + int(client.rng.integers(-4, 5)))), turn + 1


def _contact(client: Client, contact_id: str, held: pd.Timestamp, turn: int) -> None:
    bad = held >= pd.Timestamp(_BAD.get(client.number, "2100-01-01"))
    said = _SAID["badly" if bad else "well"]
    visit = turn % 2 == 1
    told = {
        "channel": "visit" if visit else ("call", "video")[turn % 4 // 2],
        "people": "财务负责人" if turn % 3 else "总经理、财务负责人",
        "purpose": "贷后检查" if visit else "例行回访", "said": said[turn % len(said)],
        "cooperation": "partial" if bad and turn % 2 else "cooperative",
        "observed": ("车间开工不足，成品库积压" if bad else "现场整洁，设备运转正常") if visit else None,
        "documents": "最近一期报表、纳税申报表" if visit else None, "documents_refused": 0, "signals": None,
        "follow_up_by": OFFICERS[client.number % len(OFFICERS)], "follow_up_on": day(held + pd.Timedelta(days=30)),
    }  # fmt: skip
    client.add("contacts", contact_id=contact_id, held_on=held, **told)
    if visit:
        _state(client, (contact_id, held))
    if turn % 3 == 0:
        _promise(client, contact_id, held, turn, bad)


def _state(client: Client, contact: tuple[str, pd.Timestamp]) -> None:
    """Figures of the last quarter as the client tells them: rounded, S0023's sales a fifth too high."""
    end = min((contact[1] - pd.offsets.QuarterEnd(1)).normalize(), client.quarters.index[-1])
    high = 1.19 if client.number == 22 else 1.0
    state(client, contact, "revenue", end, high * client.quarters.at[end, "revenue"])
    state(client, contact, "accounts_receivable", end, client.quarters.at[end, "accounts_receivable"])


def state(client: Client, contact: tuple[str, pd.Timestamp], item: str, end: pd.Timestamp, value: float) -> None:
    """One figure as stated at a contact (its id and day): to three digits."""
    contact_id, held = contact
    told = {"months": 0 if item in ("accounts_receivable", "cash", "inventory") else 3, "value": float(f"{value:.3g}")}
    client.add("stated_figures", held, contact_id=contact_id, item=item, period_end=end, **told)


def _promise(client: Client, contact_id: str, held: pd.Timestamp, turn: int, bad: bool) -> None:
    words = _PROMISES[(turn // 3 + client.number) % len(_PROMISES)]
    amount = round(client.quarter("cash_from_sales", held) * 0.02, -4) if "货款" in words else None
    became = "broken" if client.number in _BROKEN and bad else "kept"
    late = 18 if client.number in _LATE else -6
    promise(client, f"M{turn}", contact_id, held, words, amount=amount, due=day(held + pd.Timedelta(days=40)),
            became=became, late=late)  # fmt: skip


def promise(client: Client, ident: str, contact_id: str, held: pd.Timestamp, words: str, **told: object) -> None:
    """A promise, and what became of it: `due`, `amount`, `became` and how many days `late` it was settled."""
    due, became = told["due"], told.get("became", "kept")
    row = {"contact_id": contact_id, "promised_on": held, "promise": words, "amount": told.get("amount"), "due_on": due}
    made = client.add("commitments", commitment_id=ident, **row, status="open", settled_on=None)
    settled = day(due + pd.Timedelta(days=1 if became == "broken" else told.get("late", -6)))
    if settled <= TODAY:
        client.amend("commitments", made, settled, status=became, settled_on=settled)


def _refusals(client: Client) -> None:
    for turn, (when, count) in enumerate(_REFUSALS.get(client.number, {}).items(), start=1):
        told = {"channel": "visit", "people": "财务负责人", "purpose": "专项检查：核对资金用途", "documents": None}
        told |= {"said": "账册在外地审计，暂不能提供", "observed": "财务室未见凭证", "signals": None}
        told |= {"follow_up_by": OFFICERS[client.number % len(OFFICERS)], "follow_up_on": None}
        about = {"contact_id": f"KR{turn}", "held_on": day(when), "cooperation": "refuses", "documents_refused": count}
        client.add("contacts", **about, **told)
    if client.number == 25:
        client.observe(LOOKS[0], papers_refused=2)
        client.observe(LOOKS[1], papers_refused=4)
        client.plant("papers_withheld", day("2026-02-25"), TODAY)


def _cross_checks(client: Client) -> None:
    """Eight quarters and the fiscal years among them, known three weeks and more after the period."""
    wide, declared = client.quarters.iloc[-8:], _DECLARED.get(client.number, 1.0)
    year = client.quarters.rolling(4).sum()
    for turn, (end, row) in enumerate(wide.iterrows()):
        known = day(end + pd.Timedelta(days=22 + client.number % 5))
        quarter, balance = _Span(end, known, 3), _Span(end, known, 0)
        _flows(client, quarter, row, declared)
        _check(client, quarter, "electricity_kwh", _power(client, row, turn))
        _check(client, balance, "bureau_debt", client.debt.loc[end].sum())
        _check(client, balance, "bank_deposits", row["closing_cash"] * 0.99)
        if row["quarter"] == 4:
            whole = _Span(end, known + pd.Timedelta(days=30), 12)
            _flows(client, whole, year.loc[end], declared)
            _check(client, whole, "cit_revenue", year.loc[end, "revenue"] * declared)


class _Span(NamedTuple):
    """What a paper is about and since when it is known."""

    end: pd.Timestamp
    known: pd.Timestamp
    months: int


def _flows(client: Client, span: _Span, row: pd.Series, declared: float) -> None:
    if client.chinese:
        _check(client, span, "vat_sales", row["revenue"] * declared)
        _check(client, span, "social_security", row["cash_paid_to_staff"] * 0.17)
    _check(client, span, "bank_inflow", row["cash_from_sales"] * (0.72 if client.number == 30 else 0.985))
    _check(client, span, "payroll", row["cash_paid_to_staff"] * 0.99)


def _power(client: Client, row: pd.Series, turn: int) -> float:
    """Power follows what is made; S0005 saves and stands still, S0031 reports growth without any."""
    made = client.quarters["operating_cost"].iloc[-8] if client.number == 30 else row["operating_cost"]
    return made * 0.11 * (1 - (0.025 if client.number == 4 else 0.002) * turn)


def _check(client: Client, span: _Span, kind: str, value: float) -> None:
    noise = 1 + float(client.rng.uniform(-0.012, 0.012)) * (kind != "bureau_debt")
    told = {"kind": kind, "period_end": span.end, "months": span.months, "value": round(value * noise)}
    client.add("cross_checks", min(span.known, TODAY), **told)


_EVENTS = {
    15: ("2026-02-24", "ownership", "adverse", "控股股东追加质押所持股权", None),
    18: ("2026-03-17", "market", "adverse", "区域水泥出厂价较上年同期下跌两成", None),
    20: ("2025-12-09", "ownership", "info", "新设关联贸易公司", None),
    21: ("2026-01-15", "policy", "adverse", "主要出口市场加征关税", None),
    23: ("2026-03-26", "enforcement", "severe", "被列入被执行人", 9_600_000),
    26: ("2026-03-30", "penalty", "adverse", "应急管理局安全生产处罚", 350_000),
    30: ("2026-04-02", "ownership", "adverse", "实际控制人变更登记", None),
    5: ("2025-09-18", "policy", "adverse", "水泥行业错峰生产安排从严", None),
    2: ("2025-03-10", "media", "info", "新品上市获行业媒体报道", None),
    6: ("2025-07-08", "policy", "info", "水价听证会通过阶梯水价方案", None),
}
_FIRES = {
    3: ("loan_rolled",), 4: ("power_falls", "staff_cut", "collections_leave", "balances_fall", "limit_always_used"),
    5: ("policy_restricts",), 8: ("return_flow", "many_new_banks"), 12: ("staff_cut",), 13: ("group_member_overdue",),
    14: ("many_new_banks", "overdue_elsewhere"), 15: ("shares_pledged",), 18: ("price_crash", "industry_sinks"),
    20: ("group_funds_drained", "untraded_transfers"), 21: ("export_barrier",),
    23: ("dishonest_debtor", "wages_unpaid", "stoppage", "orders_fall"), 24: ("bills_bounced", "new_large_payees"),
    26: ("penalties",), 27: ("customers_lost",), 30: ("controller_changes", "tax_and_books_differ"),
    31: ("finance_staff_leave",),
}  # fmt: skip


def _events(client: Client) -> None:
    """Outside events, and the warnings each borrower's observations were planted for."""
    if found := _EVENTS.get(client.number):
        when, kind, severity, title, amount = found
        told = {"event_id": "E1", "happened_on": day(when), "kind": kind, "severity": severity}
        client.add("events", day(when) + pd.Timedelta(days=3), **told, title=title, amount=amount)
    for rule in _FIRES.get(client.number, ()):
        client.plant(rule, LOOKS[1], TODAY)
    if client.number in (14, 23):
        client.plant("overdue", pd.Timestamp("2026-04-11" if client.number == 14 else "2026-01-16"), TODAY)
    if client.number == 2:  # the quarter after the feast is always low
        client.plant("revenue_falls_quarters", pd.Timestamp("2025-04-01"), TODAY, 1)
