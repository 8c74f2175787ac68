"""The sample's accounts: who pays whom when, running balances, counterparties, contracts and invoices.

Customers pay a stated share of the statements' cash from sales into our account (`collected`: 81 %, S0005 down to 41 %,
S0011 up to 95 % once it is eased, S0013 and S0014 down to 45 %). Out of it go wages on the 10th through the payroll
agent, taxes on the 15th, power, rent, loan service on its day, and from the 22nd on suppliers, until what is left is a
share of the statements' cash plus next month's loan service. Drawdowns go into the loan account and from there, within
twelve working days, to suppliers on the contract list, each payment with its contract and invoice. Accounts are kept
from 2025 on, those of the cases from 2024. Every balance is the one before plus or minus the amount, none below zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.book.sample_cases import CASES, DYER_TWIN, MAKER, MAKER_TWIN
from postloan.book.sample_ledger import LOOKS, TODAY, Client, after, day, lots
from postloan.book.sample_loans import purpose

_FIRST, _LAST = (
    ("澜", "朔", "岑", "栩", "泊", "禹", "昀", "砺", "沁", "霁", "苇", "珩"),
    ("屿", "川", "陌", "桥", "峤", "禾", "汀", "原"),
)
_TRADES = ("材料", "工贸", "商贸", "制造", "科技", "物资")
_ENGLISH = ("Alder", "Brook", "Cairn", "Dunmore", "Elsbury", "Farrow", "Glenholt", "Hartwell", "Inver", "Kelso")
_SURNAMES = ("周", "吴", "郑", "冯", "蒋", "沈", "韩", "杨")
_GIVEN = (
    "明远", "思齐", "若澜", "景行", "知微", "怀瑾", "予宁", "行舟",
    "砚秋", "望舒", "嘉树", "清和", "乐之", "书白", "云起", "长庚",
)  # fmt: skip
_OWNER_OF = {21: 14}  # S0022 has the same owner as S0015: one group
_OURS = {"name": "本行", "kind": "bank", "account": "9000-0001"}


def start(client: Client) -> pd.Timestamp:
    """The first day of the account statements."""
    return pd.Timestamp("2024-01-01" if client.number in CASES else "2025-01-01")


def collected(client: Client, when: pd.Timestamp) -> float:
    """The share of cash from sales that comes into our account."""
    steps = {
        4: (("2025-10-01", 0.62), ("2026-01-01", 0.41)), MAKER: (("2025-01-01", 0.95),),
        MAKER_TWIN: (("2025-07-01", 0.6), ("2025-10-01", 0.45)), DYER_TWIN: (("2025-07-01", 0.6), ("2025-10-01", 0.45)),
    }  # fmt: skip
    found = [share for since, share in steps.get(client.number, ()) if when >= pd.Timestamp(since)]
    return found[-1] if found else client.share["collected"]


# ---- counterparties


def people(client: Client) -> None:
    """Write the borrower itself, its owner, five customers, five suppliers and those everybody pays."""
    own = {"name": client.kind.name, "credit_code": client.master["credit_code"], "account": client.account}
    own |= {"address": f"{client.kind.region}示例路{client.number + 11}号", "phone": f"0999-99{client.number:05d}"}
    founded = pd.Timestamp("2009-05-18")
    know(client, "P0", "own", **own, controller=person(client, 0), founded_on=founded)
    know(client, "P1", "controller", kind="individual", name=person(client, 0), controller=None)
    know(client, "P2", "shareholder", name=company(client, 90, "投资"), controller=person(client, 0))
    for place in range(5):
        know(client, f"C{place + 1}", "customer", name=company(client, place))
        scope = purpose(client).removeprefix("采购") + "销售"
        know(client, f"V{place + 1}", "supplier", name=company(client, 40 + place), scope=scope, on_contract=1)
    know(client, "B1", "lender", kind="bank", name="示例农村商业银行股份有限公司")
    know(client, "A1", "other", kind="payment_agent", name="代发工资专户")
    know(client, "G1", "other", kind="government", name="国家金库示例支库")
    know(client, "E1", "other", name="示例电力有限公司", scope="电力供应")
    know(client, "H1", "other", name="安栖物业服务有限公司", scope="物业管理、办公楼租赁")


def know(client: Client, party_id: str, relation: str, **told: object) -> dict:
    """Write a counterparty; `told` replaces what is usual: a company of years' standing with papers of its own."""
    place = len(client.rows["parties"])
    usual = {
        "name": company(client, place), "kind": "company", "credit_code": f"9999{client.number + 1:06d}{place:08d}",
        "controller": person(client, place + 1), "address": f"示例市示例路{client.number * 40 + place + 3}号",
        "phone": f"0999-{place:02d}{client.number:05d}", "account": f"6288-{client.number + 1:04d}-{place:03d}",
        "founded_on": pd.Timestamp("2007-03-12") + pd.DateOffset(months=7 * (place % 17)), "scope": None,
        "on_contract": None,
    }  # fmt: skip
    known = told.pop("known_on", client.master["first_drawdown"] - pd.Timedelta(days=20))
    return client.add("parties", known, party_id=party_id, relation=relation, **{**usual, **told})


def company(client: Client, place: int, trade: str | None = None) -> str:
    """A made-up company's name, another one for every place."""
    mark = client.number * 7 + place * 5
    if not client.chinese:
        return f"{_ENGLISH[mark % len(_ENGLISH)]} {_ENGLISH[(mark // 10 + place) % len(_ENGLISH)]} {place + 1} Ltd."
    first, last = _FIRST[mark % len(_FIRST)], _LAST[(mark // len(_FIRST) + place) % len(_LAST)]
    return f"{first}{last}{_GIVEN[place % 8][1]}{trade or _TRADES[place % len(_TRADES)]}有限公司"


def person(client: Client, place: int) -> str:
    """A made-up person's name, another one for every place; place 0 owns the borrower, and no other of 128."""
    number = client.number if place else _OWNER_OF.get(client.number, client.number)
    return _SURNAMES[(place + number) % 8] + _GIVEN[(place // 8 + number + number // 8) % 16]


# ---- the loan account


def use(client: Client, loan: dict, drawn: dict, share: float = 1.0, first: int = 1) -> None:
    """Pay this share of a drawdown to four suppliers in turn, one to twelve working days after it."""
    total, parts = drawn["amount"] * share, (0.34, 0.28, 0.22)
    amounts = [lots(total * part) for part in parts]
    amounts.append(lots(total) - sum(amounts))
    for turn, (amount, days) in enumerate(zip(amounts, (1, 3, 7, 12), strict=True)):
        party = client.party(f"V{(first + turn - 1) % 5 + 1}")
        buy(client, loan, after(drawn["drawn_on"], days), amount, party)


def buy(client: Client, loan: dict, on: pd.Timestamp, amount: int, party: dict, memo: str = "货款") -> None:
    """Pay a supplier out of the loan account, with a contract and an invoice that match."""
    if on <= TODAY and amount > 0:
        paper(client, loan, on, amount, party)
        client.move(loan["account"], on, -amount, party, memo)


def paper(client: Client, loan: dict, on: pd.Timestamp, amount: float, party: dict, **told: object) -> str:
    """A contract 25 days before a payment and an invoice five days before it; returns the invoice's id.

    `told`: `contracted` (amount of the contract, 0: none), `invoiced_on`, `number` and `cancelled_on` of the invoice.
    """
    turn = sum(row["kind"] == "invoice" for row in client.rows["papers"]) + 1
    signed, mark = day(on - pd.Timedelta(days=25)), f"{client.number + 1:04d}-{turn:03d}"
    contract = {"contract_id": None, "invoice_number": None, "cancelled_on": None, "dated_on": signed}
    about = {"loan_id": loan["loan_id"], "party": party["name"]}
    made = told.get("contracted", round(amount * 1.05))
    if made:
        client.add("papers", paper_id=f"CON-{mark}", kind="contract", **about, amount=made, **contract)
    invoiced = told.get("invoiced_on", day(on - pd.Timedelta(days=5)))
    row = {
        "contract_id": f"CON-{mark}" if made else None,
        "invoice_number": told.get("number", f"{client.number + 1:03d}{turn:05d}"),
    }
    row |= {"dated_on": min(invoiced, on), "cancelled_on": None, "amount": amount}
    invoice = client.add("papers", paper_id=f"INV-{mark}", kind="invoice", **about, **row)
    if cancelled := told.get("cancelled_on"):
        client.amend("papers", invoice, cancelled, cancelled_on=cancelled)
    return invoice["paper_id"]


def drawn(client: Client) -> list[tuple[dict, dict]]:
    """(loan, drawdown) pairs within the account statements that went into the loan account."""
    found = [row for row in client.rows["drawdowns"] if row["drawn_on"] >= start(client)]
    return [(client.last("loans", loan_id=row["loan_id"]), row) for row in found]


# ---- the collection account


def run(client: Client) -> int:
    """Write a business's months into the collection account, and the drawdowns into the loan account; returns what
    lies in the collection account before."""
    for _, row in drawn(client):
        client.move(row["account"], row["drawn_on"], row["amount"], _OURS, "贷款发放", channel="other")
    others = dict.fromkeys(pd.period_range(start(client), TODAY, freq="M"), 0)
    for entry in client.entries:  # what was planted before
        others[entry["on"].to_period("M")] += entry["amount"] * (entry["account"] == client.account)
    service = _service(client)
    targets = _targets(client, service)
    opening = left = targets[min(targets)]
    for month, other in others.items():
        left = _month(client, month, left, (targets[month], service.get(month, []))) + other
    if client.number >= 10:
        for look in LOOKS:
            client.observe(look, collection_share=collected(client, look))
    return opening


def _targets(client: Client, service: dict[pd.Period, list]) -> dict[pd.Period, int]:
    """What is to be left at the end of each month, the one before the first included: a share of the statements' cash
    and next month's loan service, and more where a month's collections will not pay for a large one."""
    targets, then = {}, 0
    for month in reversed(pd.period_range(start(client).to_period("M") - 1, TODAY, freq="M")):
        coming, at = sum(amount for *_, amount in service.get(month + 1, [])), (month + 1).start_time
        earned = 0.35 * collected(client, at) * client.quarter("cash_from_sales", at) / 3
        kept = lots(0.22 * client.level("closing_cash", month.end_time.normalize()))
        targets[month] = then = max(kept + coming, int(then + coming - earned))
    return targets


def _service(client: Client) -> dict[pd.Period, list[tuple]]:
    """What was paid on loans by month: (loan, day, amount)."""
    found: dict[pd.Period, list[tuple]] = {}
    for row in client.rows["repayments"]:
        paid = (row["loan_id"], row["paid_on"], row["principal"] + row["interest"])
        found.setdefault(row["paid_on"].to_period("M"), []).append(paid)
    return found


def _month(client: Client, month: pd.Period, left: int, plan: tuple[int, list]) -> int:
    """One month: money in by the 14th, fixed payments, loan service, then suppliers; returns what is left.

    `plan` is what is to be left and the loan service.
    """
    part = 0.5 if month == TODAY.to_period("M") else 1.0
    came = _receipts(client, month, part)
    gone = _regular(client, month)
    target, service = plan
    for loan_id, paid, amount in service:
        client.move(client.account, paid, -amount, _OURS, f"贷款还本付息 {loan_id}", channel="other")
        gone += amount
    spare = left + came - gone - target
    return left + came - gone - (_suppliers(client, month, spare) if part == 1.0 else 0)


def _receipts(client: Client, month: pd.Period, part: float) -> int:
    """What five customers pay in a month."""
    at = month.start_time
    total = round(collected(client, at) * client.quarter("cash_from_sales", at) / 3 * part)
    cuts = np.sort(client.rng.uniform(0.05, 0.95, 4)) * total
    amounts = np.diff(np.rint([0, *cuts, total]).astype(int))
    days = np.sort(client.rng.integers(2, 14, len(amounts)))
    for turn, (amount, number) in enumerate(zip(amounts, days, strict=True)):
        party = client.party(f"C{(turn + month.month) % 5 + 1}")
        on = min(day(f"{month}-{number:02d}"), TODAY)
        client.move(client.account, on, int(amount), party, "货款", channel="bill" if turn == 4 else "transfer")
    return total


def _regular(client: Client, month: pd.Period) -> int:
    """Wages, taxes, power and rent of a month; returns their sum."""
    at, share = month.start_time, collected(client, month.start_time)
    rent = lots(client.quarter("revenue", client.quarters.index[4]) * 0.0004)
    due = [
        (5, "H1", "办公室租金", rent), (10, "A1", "代发工资", share * client.quarter("cash_paid_to_staff", at) / 3),
        (15, "G1", "税款", share * client.quarter("taxes_paid", at) / 3),
        (18, "E1", "电费", client.quarter("operating_cost", at) / 3 * 0.012),
    ]  # fmt: skip
    paid = [(day(f"{month}-{number:02d}"), code, memo, round(amount)) for number, code, memo, amount in due]
    paid = [each for each in paid if each[0] <= TODAY and each[3] > 0]
    for on, code, memo, amount in paid:
        client.move(client.account, on, -amount, client.party(code), memo)
    return sum(amount for *_, amount in paid)


def _suppliers(client: Client, month: pd.Period, spare: int) -> int:
    """Pay suppliers what is to spare; returns the sum."""
    if spare < 3_000:
        return 0
    amounts = [int(spare * 0.45), int(spare * 0.33)]
    amounts.append(int(spare) - sum(amounts))
    for turn, (amount, number) in enumerate(zip(amounts, (22, 24, 26), strict=True)):
        party = client.party(f"V{(turn + month.month) % 5 + 1}")
        client.move(client.account, day(f"{month}-{number}"), -amount, party, "材料款")
    return int(spare)
