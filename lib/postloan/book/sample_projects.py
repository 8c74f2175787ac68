"""Two project loans of the sample, drawn in two parts: S0006 pays ahead of its works, S0007 does not."""

from __future__ import annotations

import pandas as pd

from postloan.book import sample_flows as flows
from postloan.book import sample_loans as lending
from postloan.book.sample_ledger import LOT, TODAY, Client, after, day, lots

# A project loan drawn in two parts: the day signed, the second drawdown, and (seen, verified, paid, equity) by day.
_PROJECTS = {
    5: ("2025-03-10", "2025-09-15", (("2025-06-30", 0.22, 0.30, 0.30), ("2025-09-30", 0.31, 0.52, 0.33),
        ("2025-12-31", 0.45, 0.66, 0.36), ("2026-03-31", 0.58, 0.76, 0.40))),
    6: ("2025-04-14", "2025-10-20", (("2025-06-30", 0.25, 0.34, 0.36), ("2025-09-30", 0.46, 0.54, 0.58),
        ("2025-12-31", 0.63, 0.75, 0.75), ("2026-03-31", 0.84, 0.88, 0.90))),
}  # fmt: skip


def lend(client: Client) -> None:
    """A project loan in two drawdowns, its builder paid by milestone and its progress verified each quarter."""
    if client.number not in _PROJECTS:
        return
    signed, second, checks = _PROJECTS[client.number]
    start, again, end = day(signed), day(second), day(pd.Timestamp(signed) + pd.DateOffset(years=6))
    amount = lots(0.12 * lending.room(client, "long", start, [end], [1.0]), 100 * LOT)
    told = {"product": "project", "purpose": "新建生产线项目", "repayment": "equal_principal"}
    told |= {"account": f"6299-{client.number + 1:04d}-03"}
    loan = lending.sign(client, f"L{client.number + 1:04d}-P1", amount, start, end, **told)
    first = lots(amount * 0.45, 10 * LOT)
    lending.draw(client, loan, start, first)
    lending.draw(client, loan, again, amount - first, 2)
    lending.pay(client, loan, _staged(client, loan, first))
    for seen, verified, paid, equity in checks:
        shares = {"verified_share": verified, "paid_share": paid, "equity_paid_share": equity}
        client.add("progress", loan_id=loan["loan_id"], seen_on=day(seen), **shares)
    _milestones(client, loan, first, amount - first)
    late = client.number == 5
    client.plant("u11", day("2025-09-30"), TODAY, int(not late))
    if not late:
        client.plant("u7", start, again, 1)


def _staged(client: Client, loan: dict, first: int) -> list[tuple]:
    """The plan of the first drawdown, and the whole one known at the second; principal from the third year on."""
    start, again = (row["drawn_on"] for row in client.rows["drawdowns"] if row["loan_id"] == loan["loan_id"])
    days = lending.quarter_days(start, loan["matures_on"])
    free = sum(due < start + pd.DateOffset(years=2) for due in days)

    def parts(total: int) -> list[tuple[pd.Timestamp, int]]:
        each = lots(total / (len(days) - free))
        return [(due, 0 if turn < free else each) for turn, due in enumerate(days[:-1])] + [
            (days[-1], total - each * (len(days) - free - 1))
        ]

    old = lending.plan(client, loan, parts(first), start)
    past = [row for row in old if row[0] <= again]
    since = max([start, *(due for due, *_ in past)])
    whole, owed, rows = dict(parts(loan["amount"])), loan["amount"], []
    for due in (due for due in days if due > again):
        rows.append((due, whole[due], round(owed * loan["rate"] * (due - since).days / 360)))
        owed, since = owed - whole[due], due
    lending.write_plan(client, loan, past + rows, again)
    return past + rows


def _milestones(client: Client, loan: dict, first: int, second: int) -> None:
    """The builder is paid part by part; three tenths at once, the rest as the work goes on."""
    told = {"name": flows.company(client, 60, "建设工程"), "scope": "工业建筑施工、设备安装"}
    builder = flows.know(client, "V7", "supplier", on_contract=1, **told)
    drawdowns = [row for row in client.rows["drawdowns"] if row["loan_id"] == loan["loan_id"]]
    for drawdown, amount in zip(drawdowns, (first, second), strict=True):
        left = amount
        for days, share in ((3, 0.30), (45, 0.30), (85, 0.25)):
            paid = lots(amount * share)
            flows.buy(client, loan, after(drawdown["drawn_on"], days), paid, builder, memo="工程进度款")
            left -= paid if after(drawdown["drawn_on"], days) <= TODAY else 0
        flows.buy(client, loan, after(drawdown["drawn_on"], 120), left, builder, memo="工程进度款")
