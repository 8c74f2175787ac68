"""What is planted in the sample's use of proceeds: each flag U1 to U12 of DOMAIN §7, and look-alikes that are innocent.

It happens to the newest drawdown D with 40 days behind it (S0009: that of 13 April 2026). What is not named goes to
suppliers on the contract list with matching papers. T is the loan's `entrusted_above`; +n are working days after D.
  u1   S0009: 37 % of D to a supplier on +1, 36 % back on +4; 20 % on +6, 19.6 % back on +10 (memo 往来款): also u2.
       S0021: 60 % to a supplier on +1, whose account sends 58.5 % to the controller (P1) next day: also u10.
  u2   S0015: 60 % to A on +1, A to B 58.5 % on +3, B back to the collection account 57.6 % on +6: also u1.
  u3   S0016: 14 % to three individuals (memo 备用金); S0025: 80,000 in cash twice.
  u4   S0017: 10 % to a securities firm (银证转账); S0026: 30 % to a developer (购房款).
  u5   S0018: 0.45 T to one payee on +1, +2 and +3; S0027: 0.9 T to one payee on +1 and +3; no contract, one invoice.
  u6   S0019: 25 % to a small-loan company on +5; S0028: 30 % to another bank on +4 (归还贷款).
  u7   S0020: 92 % lies still until day 60; S0029: 85 % into its own structured deposit on +2.
  u8   S0022: 35 % to a firm off the list, founded three months before, of another trade, with the borrower's telephone;
       S0030: 30 % to a firm off the list at the borrower's address, of the same controller.
  u9   S0023: an invoice cancelled 15 days after D, and one invoice number on two payments; S0031: 30 % paid on a
       contract of 20 % signed after the invoice.
  u10  S0032: half of D on the same day to a payee first known that day, whose account passes 96 % on next day.
  u11  S0006: a project loan whose payments run 21, 21 and 18 points ahead of verified progress.
  u12  S0010: all of D for production lines under equipment contracts, a twelve-month loan; S0020 needs no working
       capital at all: it pays its suppliers later than its customers pay.
Look-alikes: u1 and u2 S0002 (15 % refunded against a credit note) and S0003 (half refunded against a credit note when a
contract falls through, paid anew to another supplier); u2 S0001 (a sister sells to it and buys from it, other sums);
u3 S0006 (12 % for wages through the payroll agent); u4 S0001 and S0027 (office rent to a property firm); u5 S0004 (0.6
T to one payee every seven working days, by stages of one contract); u6 S0001 (agreed purpose: to replace another
bank's loan); u7 and u11 S0007 (a project paid by milestone, progress at most 12 points behind); u8 S0004 (a supplier
new but on the list, founded 30 months before); u9 S0019 (5 % of goods returned against a credit note); u10 S0026 (an
agent pays 60 % on after eight working days).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from postloan.book import sample_flows as flows
from postloan.book import sample_loans as lending
from postloan.book.sample_ledger import LOT, TODAY, Client, after, day, lots

_SETTLED = pd.Timedelta(days=40)  # a drawdown's use is seen after so many days
Act = Callable[[Client, dict, dict], float]  # what an act does with a drawdown; returns the share it spent


def spend(client: Client) -> None:
    """Spend every drawdown in the account statements: as planted where something is, else as agreed."""
    pairs = [pair for pair in flows.drawn(client) if not pair[0]["loan_id"].endswith("-P1")]
    settled = [pair for pair in pairs if pair[1]["drawn_on"] <= TODAY - _SETTLED or client.number == 8]
    for pair in pairs:
        acts = ACTS.get(client.number, ()) if settled and pair is settled[-1] else ()
        spent = sum(act(client, *pair) for act in acts)
        if spent < 1:
            flows.use(client, *pair, share=1 - spent)


def _on(drawdown: dict, days: int) -> pd.Timestamp:
    return after(drawdown["drawn_on"], days)


def _part(drawdown: dict, share: float) -> int:
    return lots(drawdown["amount"] * share, LOT // 10)


def _payee(client: Client, party_id: str, **told: object) -> dict:
    """A supplier of its own for an act, on the contract list unless told otherwise."""
    scope = lending.purpose(client).removeprefix("采购") + "销售"
    return flows.know(client, party_id, told.pop("relation", "supplier"), **{"scope": scope, "on_contract": 1, **told})


def _soon(when: pd.Timestamp) -> pd.Timestamp:
    """The next day, or the same one before a weekend."""
    return when if when.day_of_week == 4 else when + pd.Timedelta(days=1)


def _came(client: Client, party: dict, on: pd.Timestamp, amount: int, memo: str = "货款") -> None:
    """A payment as the payee's own account shows it."""
    client.move(party["account"], on, amount, {**client.party("P0"), "account": client.loan_account}, memo)


# ---- flags


def _back_to_us(client: Client, loan: dict, drawdown: dict) -> float:
    payee = _payee(client, "X1")
    for out, share, home, back in ((1, 0.37, 4, 0.36), (6, 0.20, 10, 0.196)):
        flows.buy(client, loan, _on(drawdown, out), _part(drawdown, share), payee)
        client.move(client.account, _on(drawdown, home), _part(drawdown, back), payee, "往来款")
    for rule in ("u1", "u2"):
        client.plant(rule, drawdown["drawn_on"], _on(drawdown, 10))
    return 0.57


def _back_to_owner(client: Client, loan: dict, drawdown: dict) -> float:
    payee = _payee(client, "X1")
    flows.buy(client, loan, _on(drawdown, 1), _part(drawdown, 0.6), payee)
    _came(client, payee, _on(drawdown, 1), _part(drawdown, 0.6))
    client.move(payee["account"], _soon(_on(drawdown, 1)), -_part(drawdown, 0.585), client.party("P1"), "借款")
    for rule in ("u1", "u10"):
        client.plant(rule, drawdown["drawn_on"], _on(drawdown, 2))
    return 0.6


def _ring(client: Client, loan: dict, drawdown: dict) -> float:
    first, second = _payee(client, "X1"), _payee(client, "X2", relation="other", on_contract=None)
    out, over, home = (_part(drawdown, share) for share in (0.6, 0.585, 0.576))
    flows.buy(client, loan, _on(drawdown, 1), out, first)
    _came(client, first, _on(drawdown, 1), out)
    client.move(first["account"], _on(drawdown, 3), -over, second, "货款")
    client.move(second["account"], _on(drawdown, 3), over, first, "货款")
    client.move(second["account"], _on(drawdown, 6), -home, client.party("P0"), "货款")
    client.move(client.account, _on(drawdown, 6), home, second, "货款")
    for rule in ("u1", "u2"):
        client.plant(rule, drawdown["drawn_on"], _on(drawdown, 6))
    return 0.6


def _to_people(client: Client, loan: dict, drawdown: dict) -> float:
    for turn, (days, share) in enumerate(((2, 0.05), (4, 0.05), (5, 0.04)), start=1):
        known = {"kind": "individual", "name": flows.person(client, turn + 40), "on_contract": None, "scope": None}
        person = _payee(client, f"I{turn}", relation="other", **known)
        client.move(client.loan_account, _on(drawdown, days), -_part(drawdown, share), person, "备用金")
    client.plant("u3", _on(drawdown, 2), _on(drawdown, 5))
    return 0.14


def _cash(client: Client, loan: dict, drawdown: dict) -> float:
    for days in (3, 9):
        client.move(client.loan_account, _on(drawdown, days), -80_000, {}, "取现", channel="cash")
    client.plant("u3", _on(drawdown, 3), _on(drawdown, 9))
    return 160_000 / drawdown["amount"]


def _paid(code: str, days: int, share: float, memo: str, **party: object) -> Act:
    """An act that pays one outsider a share of the drawdown and plants a flag."""

    def act(client: Client, loan: dict, drawdown: dict) -> float:
        payee = _payee(client, "X1", **{"relation": "other", "on_contract": None, "scope": None, **party})
        client.move(client.loan_account, _on(drawdown, days), -_part(drawdown, share), payee, memo)
        client.plant(code, _on(drawdown, days), _on(drawdown, days))
        return share

    return act


def _split(days: tuple[int, ...], share: float) -> Act:
    """An act that pays one supplier several parts, each below the amount that must be paid by the bank."""

    def act(client: Client, loan: dict, drawdown: dict) -> float:
        payee, amount = client.party("V5"), lots(loan["entrusted_above"] * share, LOT // 10)
        flows.paper(client, loan, _on(drawdown, days[0]), len(days) * amount, payee, contracted=0)
        for each in days:
            client.move(loan["account"], _on(drawdown, each), -amount, payee, "货款")
        client.plant("u5", _on(drawdown, days[0]), _on(drawdown, days[-1]))
        return len(days) * amount / drawdown["amount"]

    return act


def _idle(client: Client, loan: dict, drawdown: dict) -> float:
    flows.buy(client, loan, _on(drawdown, 5), _part(drawdown, 0.08), client.party("V1"))
    late = day(drawdown["drawn_on"] + pd.Timedelta(days=60))
    flows.buy(client, loan, late, drawdown["amount"] - _part(drawdown, 0.08), client.party("V2"))
    client.plant("u7", drawdown["drawn_on"], min(late, TODAY))
    client.plant("u12", drawdown["drawn_on"], TODAY)
    return 1.0


def _deposit(client: Client, loan: dict, drawdown: dict) -> float:
    own = {**client.party("P0"), "account": f"6299-{client.number + 1:04d}-09"}
    client.move(client.loan_account, _on(drawdown, 2), -_part(drawdown, 0.85), own, "购买结构性存款")
    client.plant("u7", _on(drawdown, 2), TODAY)
    return 0.85


def _stranger(share: float, **party: object) -> Act:
    """An act that pays a supplier who is not on the list and shares something with the borrower."""

    def act(client: Client, loan: dict, drawdown: dict) -> float:
        own = client.party("P0")
        shared = {name: own[name] for name in party.get("shares", ())}
        told = {name: value for name, value in party.items() if name not in ("shares", "young")}
        if "young" in party:
            told["founded_on"] = drawdown["drawn_on"] - pd.DateOffset(months=party["young"])
        payee = _payee(client, "X1", known_on=drawdown["drawn_on"], on_contract=0, **told, **shared)
        flows.buy(client, loan, _on(drawdown, 2), _part(drawdown, share), payee)
        client.plant("u8", _on(drawdown, 2), _on(drawdown, 2))
        return share

    return act


def _cancelled(client: Client, loan: dict, drawdown: dict) -> float:
    amount, cancelled = _part(drawdown, 0.25), day(drawdown["drawn_on"] + pd.Timedelta(days=15))
    for days, party, told in (
        (2, "X1", {"cancelled_on": cancelled}), (4, "X2", {"number": "99001177"}), (6, "X3", {"number": "99001177"}),
    ):  # fmt: skip
        on, payee = _on(drawdown, days), _payee(client, party)
        flows.paper(client, loan, on, amount, payee, **told)
        client.move(client.loan_account, on, -amount, payee, "货款")
    client.plant("u9", _on(drawdown, 2), cancelled)
    return 3 * amount / drawdown["amount"]


def _over_contract(client: Client, loan: dict, drawdown: dict) -> float:
    on, payee = _on(drawdown, 3), client.party("V5")
    told = {"contracted": _part(drawdown, 0.2), "invoiced_on": day(on - pd.Timedelta(days=40))}
    flows.paper(client, loan, on, _part(drawdown, 0.3), payee, **told)
    client.move(client.loan_account, on, -_part(drawdown, 0.3), payee, "货款")
    client.plant("u9", on, on)
    return 0.3


def _same_day(client: Client, loan: dict, drawdown: dict) -> float:
    payee = _payee(client, "X1", known_on=drawdown["drawn_on"])
    onward = _payee(client, "X2", relation="other", on_contract=None)
    flows.buy(client, loan, drawdown["drawn_on"], _part(drawdown, 0.5), payee)
    _came(client, payee, drawdown["drawn_on"], _part(drawdown, 0.5))
    client.move(payee["account"], _soon(drawdown["drawn_on"]), -_part(drawdown, 0.48), onward, "货款")
    client.plant("u10", drawdown["drawn_on"], _on(drawdown, 1))
    return 0.5


def _machines(client: Client, loan: dict, drawdown: dict) -> float:
    """Equipment bought with a loan of twelve months."""
    maker, left = _payee(client, "X1", scope="专用设备制造、安装"), drawdown["amount"]
    for days, amount in ((2, _part(drawdown, 0.6)), (8, left - _part(drawdown, 0.6))):
        flows.buy(client, loan, _on(drawdown, days), amount, maker, memo="生产线设备款")
    client.plant("u12", drawdown["drawn_on"], TODAY)
    return 1.0


# ---- look-alikes


def _refund(share: float, days: int) -> Act:
    """A contract falls through: the supplier gives a credit note and pays back, another one delivers instead."""

    def act(client: Client, loan: dict, drawdown: dict) -> float:
        amount, payee = _part(drawdown, share), client.party("V5")
        flows.buy(client, loan, _on(drawdown, 1), amount, payee)
        _credit(client, loan, _on(drawdown, days), amount, payee)
        client.move(client.loan_account, _on(drawdown, days + 1), amount, payee, "合同取消退款")
        flows.buy(client, loan, _on(drawdown, days + 3), amount, client.party("V4"))
        for rule in ("u1", "u2"):
            client.plant(rule, _on(drawdown, 1), _on(drawdown, days + 1), 1)
        return share

    return act


def _credit(client: Client, loan: dict, on: pd.Timestamp, amount: int, party: dict) -> None:
    of = client.last("papers", kind="invoice", party=party["name"])
    told = {"loan_id": loan["loan_id"], "party": party["name"], "amount": amount, "dated_on": on}
    told |= {"invoice_number": f"R{of['invoice_number']}", "contract_id": of["contract_id"], "cancelled_on": None}
    client.add("papers", paper_id=of["paper_id"].replace("INV", "CRN"), kind="credit_note", **told)


def _returned_goods(client: Client, loan: dict, drawdown: dict) -> float:
    amount, payee = _part(drawdown, 0.3), client.party("V5")
    flows.buy(client, loan, _on(drawdown, 2), amount, payee)
    _credit(client, loan, _on(drawdown, 16), lots(amount * 0.05, LOT // 10), payee)
    client.move(client.account, _on(drawdown, 18), lots(amount * 0.05, LOT // 10), payee, "退货款")
    client.plant("u9", _on(drawdown, 2), _on(drawdown, 18), 1)
    return 0.3


def _sister(client: Client, loan: dict, drawdown: dict) -> float:
    """Trade both ways with a sister company, by month and on the collection account."""
    sister = flows.know(client, "S1", "sister", on_contract=None, scope="铸件加工")
    for turn, month in enumerate(pd.period_range("2025-01", "2026-04", freq="M"), start=1):
        client.move(client.account, day(f"{month}-23"), -(400_000 + 13_000 * turn), sister, "铸件加工费")
        client.move(client.account, day(f"{month}-11"), 240_000 + 9_000 * turn, sister, "废料款")
    client.plant("u2", day("2025-01-11"), day("2026-04-23"), 1)
    client.plant("u4", day("2025-01-06"), TODAY, 1)  # office rent to a property firm, month by month
    return 0.0


def _replaces(client: Client, loan: dict, drawdown: dict) -> float:
    """Part of the loan replaces another bank's, as agreed."""
    words = f"{lending.purpose(client)}；置换他行流动资金贷款（经批准）"
    for row in client.rows["loans"]:
        if row["loan_id"] == loan["loan_id"]:
            row["purpose"] = words
    bank = client.party("B1")
    client.move(client.loan_account, _on(drawdown, 2), -_part(drawdown, 0.3), bank, "置换他行贷款")
    client.plant("u6", _on(drawdown, 2), _on(drawdown, 2), 1)
    return 0.3


def _stages(client: Client, loan: dict, drawdown: dict) -> float:
    """One contract delivered and paid by stages, and a supplier who is new but agreed."""
    payee, amount = client.party("V5"), lots(loan["entrusted_above"] * 0.6, LOT // 10)
    for days in (2, 9, 16):
        flows.buy(client, loan, _on(drawdown, days), amount, payee, memo="分批到货款")
    client.plant("u5", _on(drawdown, 2), _on(drawdown, 16), 1)
    young = drawdown["drawn_on"] - pd.DateOffset(months=30)
    new = _payee(client, "V6", founded_on=young, known_on=drawdown["drawn_on"] - pd.Timedelta(days=20))
    flows.buy(client, loan, _on(drawdown, 4), _part(drawdown, 0.2), new)
    client.plant("u8", _on(drawdown, 4), _on(drawdown, 4), 1)
    return 0.2 + 3 * amount / drawdown["amount"]


def _wages(client: Client, loan: dict, drawdown: dict) -> float:
    agent = client.party("A1")
    client.move(client.loan_account, _on(drawdown, 6), -_part(drawdown, 0.12), agent, "代发工资")
    client.plant("u3", _on(drawdown, 6), _on(drawdown, 6), 1)
    return 0.12


def _rent(client: Client, loan: dict, drawdown: dict) -> float:
    client.move(client.loan_account, _on(drawdown, 4), -_part(drawdown, 0.01), client.party("H1"), "办公楼租金")
    client.plant("u4", _on(drawdown, 4), _on(drawdown, 4), 1)
    return _part(drawdown, 0.01) / drawdown["amount"]


def _agent(client: Client, loan: dict, drawdown: dict) -> float:
    agent, maker = _payee(client, "V6", scope="代理采购"), _payee(client, "X2", relation="other", on_contract=None)
    flows.buy(client, loan, _on(drawdown, 2), _part(drawdown, 0.2), agent)
    _came(client, agent, _on(drawdown, 2), _part(drawdown, 0.2))
    client.move(agent["account"], _on(drawdown, 10), -_part(drawdown, 0.12), maker, "代购货款")
    client.plant("u10", _on(drawdown, 2), _on(drawdown, 10), 1)
    return 0.2


_SECURITIES = {"name": "启岳示例证券股份有限公司", "kind": "securities"}
_DEVELOPER = {"name": "沅城示例置业开发有限公司", "kind": "developer", "scope": "房地产开发"}
_SMALL_LOANS = {"name": "恒沛示例小额贷款有限公司", "kind": "non_bank_lender", "scope": "小额贷款"}
_BANK = {"name": "示例城市商业银行股份有限公司", "kind": "bank", "relation": "lender"}
ACTS: dict[int, tuple[Act, ...]] = {
    0: (_sister, _replaces), 1: (_refund(0.15, 7),), 2: (_refund(0.52, 11),), 3: (_stages,), 5: (_wages,),
    8: (_back_to_us,), 9: (_machines,), 14: (_ring,), 15: (_to_people,),
    16: (_paid("u4", 4, 0.10, "银证转账", **_SECURITIES),), 17: (_split((1, 2, 3), 0.45),),
    18: (_paid("u6", 5, 0.25, "归还借款", **_SMALL_LOANS), _returned_goods), 19: (_idle,), 20: (_back_to_owner,),
    21: (_stranger(0.35, shares=("phone",), young=3, scope="餐饮管理、会议服务"),), 22: (_cancelled,),
    24: (_cash,), 25: (_paid("u4", 3, 0.30, "购房款", **_DEVELOPER), _agent), 26: (_split((1, 3), 0.9), _rent),
    27: (_paid("u6", 4, 0.30, "归还贷款", **_BANK),), 28: (_deposit,),
    29: (_stranger(0.30, shares=("address", "controller")),), 30: (_over_contract,), 31: (_same_day,),
}  # fmt: skip
