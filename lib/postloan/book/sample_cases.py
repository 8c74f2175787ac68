"""The two cases of the sample book and their dark twins.

(a) S0011, a maker of plant equipment: receivables slow for two years until cash is short at the end of 2024. The bank
talks with it six times from August 2024, learns why customers pay late and what it does about it, and on 10 January
2025 replaces the plan of L0011-W1 whole: interest only for two quarters, then steps, the last in March 2027. It pays
every instalment and recovers in 2025. S0013 is the same business under the old plan: it pays late in March and June
2025, part in September, nothing after.

(b) S0012, a dyer: from 1 July 2024 a local discharge limit takes two fifths of its sales within a quarter. On 10
December 2024 L0012-W1 runs a year longer at 3.9 % instead of 4.7 %, under a new plan. It gets its permit and gets
through. S0014 is the same business untouched: late in March 2025, at maturity in September it pays a twentieth.
"""

from __future__ import annotations

import pandas as pd

from postloan.book import sample_loans as lending
from postloan.book.sample_ledger import LOOKS, LOT, TODAY, Client, day, lots

MAKER, DYER, MAKER_TWIN, DYER_TWIN = 10, 11, 12, 13
CASES = (MAKER, DYER, MAKER_TWIN, DYER_TWIN)
POLICY = day("2024-07-01")
CHANGED = {MAKER: day("2025-01-10"), DYER: day("2024-12-10")}
_STOPPED = {MAKER_TWIN: "2025-09-10", DYER_TWIN: "2025-12-01"}
# Due days and hundredths of the loan; a case's second plan restates what was left.
_MAKER_PLAN = (("2024-09-20", 5), ("2024-12-20", 10), ("2025-03-20", 15), ("2025-06-20", 15), ("2025-09-22", 20),
               ("2025-12-22", 20), ("2026-04-20", 15))  # fmt: skip
_MAKER_EASED = (("2025-03-20", 0), ("2025-06-20", 0), ("2025-09-22", 5), ("2025-12-22", 10), ("2026-03-20", 10),
                ("2026-06-22", 10), ("2026-09-21", 15), ("2026-12-21", 15), ("2027-03-22", 20))  # fmt: skip
_DYER_PLAN = (("2024-09-20", 10), ("2024-12-20", 0), ("2025-03-20", 30), ("2025-06-20", 0), ("2025-09-12", 60))
_DYER_EASED = (("2024-12-20", 0), ("2025-03-20", 0), ("2025-06-20", 0), ("2025-09-22", 0), ("2025-12-22", 10),
               ("2026-03-20", 20), ("2026-06-22", 25), ("2026-09-14", 35))  # fmt: skip
# What officers answer every quarter for the class, and from when the bank took a twin for riskier.
_ASKED = (
    "credit_impaired", "rating_cut", "bankruptcy", "overdue_share_all_banks", "debt_evasion", "unlawful_loan", "merged",
    "other_bank_days_overdue", "misused_share", "provision_share",
)  # fmt: skip
_MISSED = day("2025-03-20")
# Quarter days on which the two looks' kind of observation was also made of the cases.
_LOOKED = tuple(map(day, ("2024-08-05", "2024-11-05", "2025-02-05", "2025-05-06", "2025-08-05", "2025-11-05")))


def lend(client: Client) -> None:
    """Write the loans of a case or a twin, how they were paid and what was changed."""
    start, maker = client.master["first_drawdown"], client.number in (MAKER, MAKER_TWIN)
    client.share["term"] = 0.3
    lending.term(client, start, pd.Timestamp(_STOPPED.get(client.number, TODAY)))
    loan, rows = _first_plan(client, maker)
    if client.number in CHANGED:
        _eased(client, loan, maker, rows)
    else:
        _untouched(client, loan, rows)
    _answered(client)
    lending.watch(client, (*_LOOKED, *LOOKS))
    (_maker_seen if maker else _dyer_seen)(client)


def _first_plan(client: Client, maker: bool) -> tuple[dict, list[tuple]]:
    drawn, matures = (day("2023-04-18"), day("2026-04-20")) if maker else (day("2023-09-12"), day("2025-09-12"))
    days = lending.quarter_days(drawn, matures)
    amount = lots(0.22 * lending.room(client, "short", drawn, [day("2027-03-22")], [1.0]), 100 * LOT)
    told = {"repayment": "custom", "guarantee": "mortgage", "rate": 0.047}
    loan = lending.sign(client, f"L{client.number + 1:04d}-W1", amount, drawn, matures, **told)
    lending.draw(client, loan, drawn, amount)
    shares = dict(_dated(_MAKER_PLAN if maker else _DYER_PLAN))
    parts = [(due, amount // 100 * shares.get(due, 0)) for due in sorted({*days, *shares})]
    return loan, lending.plan(client, loan, parts, drawn)


def _dated(plan: tuple) -> list[tuple[pd.Timestamp, int]]:
    return [(day(due), share) for due, share in plan]


def _eased(client: Client, loan: dict, maker: bool, rows: list[tuple]) -> None:
    """The bank acts: a later version of the loan and a whole new plan, paid to the day."""
    changed, eased = CHANGED[client.number], _dated(_MAKER_EASED if maker else _DYER_EASED)
    number = lending.pay(client, loan, rows, changed)
    last = max(due for due, *_ in rows if due <= changed)
    terms = {"matures_on": eased[-1][0], "repayment": "custom"} | ({} if maker else {"rate": 0.039})
    newer = client.amend("loans", loan, changed, **terms)
    parts = [(due, loan["amount"] // 100 * share) for due, share in eased]
    plan = lending.plan(client, newer, parts, last, known=changed)
    lending.pay(client, newer, plan, TODAY, number)
    client.observe(changed, terms_eased=1, extensions=1, risk_increased=1)
    for look, eased_still in zip(LOOKS, (int(maker), 0), strict=True):
        client.observe(look, terms_eased=eased_still, extensions=1)
    client.plant("loan_rolled", changed, TODAY)


def _answered(client: Client) -> None:
    """The officer's quarterly answers to what classification asks, from the day of the first drawdown."""
    changed = CHANGED.get(client.number, TODAY)
    riskier = changed if client.number in CHANGED else _MISSED
    quarters = pd.date_range("2022-05-05", "2025-11-05", freq=pd.DateOffset(months=3))
    for when in (client.master["first_drawdown"], *map(day, quarters)):
        eased = int(when >= changed)
        told = {"terms_eased": eased, "extensions": eased, "risk_increased": int(when >= riskier)}
        client.observe(when, **dict.fromkeys(_ASKED, 0), **told)


def _untouched(client: Client, loan: dict, rows: list[tuple]) -> None:
    """Nobody acts: instalments come late, then in part, then not at all."""
    by_day, number = {due: (principal, interest) for due, principal, interest in rows}, 1
    if client.number == MAKER_TWIN:
        late = {day("2025-03-20"): (9, 1.0), day("2025-06-20"): (26, 1.0), day("2025-09-22"): (17, 0.3)}
    else:
        late = {day("2025-03-20"): (12, 1.0), day("2025-09-12"): (18, 0.05)}
    for due, (principal, interest) in by_day.items():
        if due > max(late):
            break
        days, share = late.get(due, (0, 1.0))
        paid = day(due + pd.Timedelta(days=days))
        amounts = (lots(principal * share) if share < 1 else principal, interest)
        lending.repay(client, loan, paid, amounts, number)
        number += 1
    client.plant("overdue", max(late) + pd.Timedelta(days=1), TODAY)


def _maker_seen(client: Client) -> None:
    """What was seen of the makers while receivables slowed."""
    slump = {"2024-02-06": -0.08, "2024-08-05": -0.14, "2024-11-05": -0.21}
    rises = client.number == MAKER
    later = {"2025-05-06": 0.04 if rises else -0.2, "2025-11-05": 0.12 if rises else -0.24}
    for when, change in {**slump, **later}.items():
        client.observe(day(when), orders_change=change, capacity_use=round(0.8 + change / 2, 2))
    told = {"event_id": "E1", "happened_on": day("2023-11-20"), "kind": "market", "severity": "adverse"}
    client.add("events", **told, title="下游电力与化工项目验收普遍延后，设备款支付放缓", amount=None)
    told = {"event_id": "E2", "happened_on": day("2025-03-11"), "kind": "market", "severity": "info"}
    client.add("events", **told, title="下游技改项目陆续恢复验收", amount=None)
    client.plant("receivables_slow", day("2023-10-30"), day("2025-04-29") if client.number == MAKER else TODAY)
    client.plant("orders_fall", day("2024-11-05"), day("2025-05-05") if client.number == MAKER else TODAY)


def _dyer_seen(client: Client) -> None:
    """The policy, what it did, and how it ended for each."""
    told = {"event_id": "E1", "happened_on": POLICY, "kind": "policy", "severity": "severe"}
    client.add("events", **told, title="市政府限制印染企业排水总量，未完成提标改造的产线自7月1日起停用", amount=None)
    through = client.number == DYER
    after = 1 if through else 2
    restricted = {"2024-07-03": 2, "2024-11-05": 2, "2025-05-06": after, "2025-11-05": after}
    for when, value in restricted.items():
        client.observe(day(when), policy_restriction=value)
    used = {"2024-08-05": 0.47, "2024-11-05": 0.48, "2025-05-06": 0.61, "2025-11-05": 0.74}
    for when, value in used.items():
        client.observe(day(when), capacity_use=value if through or when < "2025" else round(1.0 - value + 0.1, 2))
    client.plant("policy_restricts", POLICY, TODAY)
    fall = ("revenue_falls_quarters", day("2025-10-20")) if through else ("revenue_falls", TODAY)
    client.plant(fall[0], day("2025-04-30"), fall[1])
    client.plant("capacity_idle", day("2024-08-05"), day("2025-11-04") if through else TODAY)
    if through:
        told = {"event_id": "E2", "happened_on": day("2025-02-18"), "kind": "policy", "severity": "info"}
        client.add("events", **told, title="提标改造验收通过，取得新的排污许可", amount=None)
