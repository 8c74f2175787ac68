"""Who the sample book is made of: ten kinds of fictional borrower as plain parameters, and what was observed of
each besides its statements (see sample)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archetype:
    """How one kind of borrower behaves; a tuple of numbers is a path over the whole history, ends included.

    Amounts are shares of sales unless named otherwise; `expenses` are selling, administrative and research;
    `season` is by calendar quarter and averages 1; `debt` is short and long; `rate` is a year's interest.
    """

    name: str
    name_en: str
    industry: str
    region: str
    revenue: float  # a year at the start, in the basic unit of `currency`
    growth: tuple[float, ...]  # a year
    margin: tuple[float, ...]
    receivable_days: tuple[float, ...]
    inventory_days: tuple[float, ...]
    payable_days: tuple[float, ...]
    season: tuple[float, float, float, float] = (0.90, 1.02, 1.00, 1.08)
    expenses: tuple[float, float, float] = (0.05, 0.055, 0.03)
    cash_days: tuple[float, ...] = (40, 40)
    advance_days: float = 6
    labour: float = 0.15  # of the cost of sales
    plant: float = 0.5
    plant_life: int = 14  # years
    capex: tuple[float, ...] = (0.045, 0.045)
    debt: tuple[float, float] = (0.16, 0.14)
    tenor: int = 20  # quarters a long loan runs
    rate: float = 0.043
    payout: float = 0.6  # of last year's profit
    tax: float = 0.25
    vat: float = 0.13
    notes: float = 0.10  # bills, of trade receivables and payables
    minority: float = 0.0
    wealth: float = 0.0  # of spare cash, put into securities
    exposure: float = 0.0  # quarterly swing of foreign-currency cash
    noise: float = 0.02
    currency: str = "CNY"
    year_end: int = 12
    gaps: bool = False  # a quarter missing, no cash-flow supplement


# fmt: off
# steady, strong grower, seasonal food maker, thin-margin trader, decliner, cyclical (dip and recovery),
# highly leveraged but stable, software (no stock, no debt), over-trader, sound with gaps in what it files
ARCHETYPES = (
    Archetype("澜川泵业有限公司", "Lanchuan Pumps Co., Ltd.", "C34 通用设备制造业", "江苏南通",
        8.2e8, (.05, .06, .05), (.275, .27), (75, 77), (88, 90), (68, 70), cash_days=(45, 50),
        exposure=.004, minority=.03),
    Archetype("Pellworth Diagnostics, Inc.", "Pellworth Diagnostics, Inc.", "C27 医药制造业", "Singapore",
        9.5e7, (.18, .28, .30, .24, .22), (.52, .57), (58, 62), (80, 75), (50, 55), (.97, 1.0, .99, 1.04),
        (.14, .09, .12), (70, 80), capex=(.14, .12), debt=(.08, .20), rate=.061, payout=.1, tax=.17, vat=0,
        notes=0, currency="USD", year_end=6),
    Archetype("禾巷食品股份有限公司", "Hexiang Foods Co., Ltd.", "C14 食品制造业", "湖南长沙",
        1.35e9, (.06, .08, .05), (.33, .34), (22, 24), (72, 70), (48, 50), (1.32, .78, .80, 1.10), (.16, .055, .01),
        advance_days=18, payout=.9, debt=(.12, .06)),
    Archetype("通汇晟贸易有限公司", "Tonghuisheng Trading Co., Ltd.", "F51 批发业", "浙江宁波",
        3.1e9, (.07, .03, .05), (.050, .048), (38, 40), (24, 25), (24, 24), expenses=(.014, .011, 0), labour=.002,
        plant=.02, capex=(.002, .002), debt=(.11, .01), rate=.046, cash_days=(14, 14), notes=.3),
    Archetype("北岭重机制造有限公司", "Beiling Heavy Machinery Co., Ltd.", "C35 专用设备制造业", "辽宁沈阳",
        9.6e8, (.03, .01, -.02, -.06, -.09, -.11), (.255, .25, .24, .225, .205, .185), (82, 98, 118, 144, 178, 222),
        (105, 112, 122, 135, 152, 176), (72, 76, 80, 85, 90, 94), (.985, 1.0, 1.0, 1.015), (.048, .062, .035),
        (58, 45, 32, 22, 14, 9), capex=(.16, .16, .15, .12, .08, .05), debt=(.34, .10), rate=.051, noise=.004,
        plant=.6),
    Archetype("岩柏建材有限公司", "Yanbai Building Materials Co., Ltd.", "C30 非金属矿物制品业", "安徽芜湖",
        1.12e9, (.10, .10, -.22, -.14, .16, .17), (.27, .27, .175, .145, .215, .25), (52, 68, 60), (48, 66, 52),
        (62, 70, 64), (.74, 1.09, 1.07, 1.10), (.035, .05, .015), plant=1.0, capex=(.16, .12, .03, .07),
        debt=(.16, .26), payout=.8),
    Archetype("临澍水务集团有限公司", "Linshu Water Group Co., Ltd.", "D46 水的生产和供应业", "四川绵阳",
        4.6e8, (.04, .03), (.43, .43), (62, 66), (12, 12), (95, 95), (.95, 1.0, 1.05, 1.0), (.02, .085, .005),
        (80, 85), plant=4.8, plant_life=26, capex=(.30, .30), debt=(.2, 2.9), tenor=60, vat=.06, payout=.85,
        noise=.01, minority=.08),
    Archetype("Harrowgate Software Ltd.", "Harrowgate Software Ltd.", "I65 软件和信息技术服务业", "Hong Kong",
        6.2e7, (.14, .16, .12), (.71, .73), (64, 66), (0, 0), (30, 30), (.92, 1.12, .92, 1.04),
        (.21, .12, .22), (100, 100), labour=.55, plant=.08, plant_life=8, capex=(.02, .02), debt=(0, 0),
        payout=.5, tax=.165, vat=0, notes=0, advance_days=85, wealth=.5, currency="USD", year_end=6),
    Archetype("翼湛电子科技有限公司", "Yizhan Electronics Co., Ltd.", "C39 电子设备制造业", "广东东莞",
        3.4e8, (.34, .42, .44, .40, .34), (.185, .165), (82, 96, 116), (62, 74, 92), (66, 84, 102), plant=.28,
        expenses=(.03, .035, .04), capex=(.07, .06), debt=(.16, .04), rate=.054, cash_days=(26, 14, 9),
        payout=0, tax=.15, notes=.2, exposure=.006),
    Archetype("沐恒药业有限公司", "Muheng Pharmaceutical Co., Ltd.", "C27 医药制造业", "山东临沂",
        6.4e8, (.06, .04, .06), (.46, .45), (86, 92), (110, 115), (60, 60), expenses=(.2, .06, .05), plant=.6,
        capex=(.06, .06), tax=.15, gaps=True),
)
# fmt: on

# What officers and accounts saw, 9 and 17 weeks after the last statements: (first look, second look). ROUTINE holds
# for all, SEEN for one kind by its place above: the decliner slips on every side, the over-trader's drawdown returns.
# fmt: off
ROUTINE = {
    "days_overdue": (0, 0), "overdue_times": (0, 0), "other_bank_days_overdue": (0, 0), "extensions": (0, 0),
    "limit_use": (.58, .61), "collection_share": (.82, .81), "average_balance_change": (.03, .02),
    "misused_share": (0, 0), "return_flow_share": (.01, .01), "bounced_bills": (0, 0),
    "controller_missing_days": (0, 0), "stopped_days": (0, 0), "enforcement_listed": (0, 0),
    "lawsuits_to_equity": (0, .01), "cross_default_days": (0, 0), "collateral_seized": (0, 0),
    "loan_to_value": (.52, .52), "valuation_age_days": (150, 206), "insurance_lapsed_days": (0, 0),
    "statements_late_days": (0, 0), "audit_concern": (0, 0), "papers_refused": (0, 0), "unreachable_days": (0, 0),
    "credit_impaired": (0, 0), "provision_share": (.012, .012), "rating_cut": (0, 0), "bankruptcy": (0, 0),
    "overdue_share_all_banks": (0, 0), "debt_evasion": (0, 0), "unlawful_loan": (0, 0), "terms_eased": (0, 0),
    "risk_increased": (0, 0), "merged": (0, 0), "approved_class": (0,),
}
SEEN = {
    0: {"capacity_use": (.83, .85), "orders_change": (.06, .08)},
    2: {"product_price_change": (-.02, -.03)},
    3: {"new_payee_share": (.12, .15), "extensions": (1, 1)},
    4: {
        "days_overdue": (0, 12), "overdue_times": (0, 1), "limit_use": (.93, .99), "collection_share": (.62, .41),
        "average_balance_change": (-.18, -.45), "orders_change": (-.12, -.28), "electricity_change": (-.11, -.24),
        "staff_change": (-.06, -.13), "papers_refused": (0, 1), "loan_to_value": (.58, .69),
        "collateral_value_change": (-.04, -.12), "risk_increased": (0, 1), "provision_share": (.03, .08),
    },
    5: {"policy_restriction": (1, 1), "capacity_use": (.71, .74), "product_price_change": (-.04, .02)},
    6: {"valuation_age_days": (330, 386)},
    7: {"key_people_left": (0, 1)},
    8: {"return_flow_share": (.02, .36), "new_lenders": (2, 3), "vat_revenue_gap": (.12, .12), "limit_use": (.96, .98)},
    9: {"statements_late_days": (0, 35)},
}
# fmt: on
