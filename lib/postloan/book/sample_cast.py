"""Who else is in the sample book: borrowers 11 to 32 as plain parameters, and what was seen of them (see sample).

11 and 12 are the two cases, 13 and 14 their twins for whom nothing was done: the same business up to the day the bank
acted with the first two (see sample_cases). The others are kinds of `archetypes` under names of their own.
"""

from __future__ import annotations

from dataclasses import replace

from postloan.book.archetypes import ARCHETYPES, Archetype

FIRST = len(ARCHETYPES)  # the number of the first borrower below


STARTS = {10: "2022-03-15", 11: "2022-05-18", 12: "2022-03-22", 13: "2022-05-25"}  # first drawdowns of the cases


def _quarters(*parts: tuple[float, int]) -> tuple[float, ...]:
    """A path that is level for so many quarters a part."""
    return tuple(value for value, count in parts for _ in range(count))


def _drop(share: float) -> float:
    """The yearly growth that takes this share off sales in one quarter."""
    return (1 - share) ** 4 - 1


# fmt: off
# Knots a year apart, 2019 to 2025: receivables slow from 2023 on, cash is short by the end of 2024.
_MAKER = Archetype("钧泰成套装备股份有限公司", "Juntai Plant Equipment Co., Ltd.", "C35 专用设备制造业", "江苏常州",
    2.4e9, (.04, .04, .03, .02, -.03, -.03, .09), (.272, .27, .27, .268, .25, .236, .262),
    (95, 95, 96, 97, 138, 186, 128), (110, 110, 110, 112, 124, 138, 114), (75, 75, 76, 78, 84, 92, 80),
    (.985, 1.0, 1.0, 1.015), (.045, .055, .035), (55, 55, 54, 50, 32, 13, 38),
    capex=(.10, .10, .09, .08, .05, .02, .03),
    debt=(.26, .14), rate=.047, noise=.004, plant=.6)
# Knots a quarter apart: the 19th quarter (July to September 2024) loses two fifths of its sales.
_BEFORE = (.06, 19)
_DYER = Archetype("越澄印染股份有限公司", "Yuecheng Dyeing Co., Ltd.", "C17 纺织业", "浙江绍兴",
    1.5e9, _quarters(_BEFORE, (_drop(.41), 1), (.02, 1), (.34, 2), (.42, 2)),
    _quarters((.182, 19), (.10, 1), (.105, 1), (.15, 1), (.178, 3)),
    _quarters((72, 19), (128, 1), (130, 1), (104, 1), (84, 1), (74, 2)),
    _quarters((74, 19), (128, 1), (126, 1), (100, 1), (84, 1), (76, 2)),
    _quarters((58, 19), (70, 1), (74, 1), (68, 1), (62, 1), (58, 2)), (.99, 1.0, 1.0, 1.01), (.03, .05, .018),
    _quarters((42, 19), (24, 1), (15, 1), (24, 1), (32, 1), (40, 2)), payout=.9,
    capex=_quarters((.10, 19), (.02, 2), (.03, 4)), debt=(.10, .22), rate=.049, noise=.004, plant=.7)
_SHORT = {
    "growth": (.04, .04, .03, .02, -.03, -.03, -.20), "margin": (.272, .27, .27, .268, .25, .236, .15),
    "receivable_days": (95, 95, 96, 97, 138, 186, 268), "inventory_days": (110, 110, 110, 112, 124, 138, 190),
    "payable_days": (75, 75, 76, 78, 84, 92, 138), "cash_days": (55, 55, 54, 50, 32, 13, 2),
    "capex": (.10, .10, .09, .08, .05, .02, .002),
}
_STUCK = {
    "growth": _quarters(_BEFORE, (_drop(.41), 1), (.02, 1), (-.10, 2), (-.16, 2)),
    "margin": _quarters((.182, 19), (.10, 1), (.105, 1), (.085, 2), (.07, 2)),
    "receivable_days": _quarters((72, 19), (128, 1), (130, 1), (138, 1), (148, 1), (158, 1), (166, 1)),
    "inventory_days": _quarters((74, 19), (128, 1), (126, 1), (130, 1), (138, 1), (144, 1), (150, 1)),
    "payable_days": _quarters((58, 19), (70, 1), (74, 1), (86, 1), (98, 1), (110, 1), (120, 1)),
    "cash_days": _quarters((42, 19), (24, 1), (15, 1), (9, 1), (5, 1), (3, 1), (2, 1)),
    "capex": _quarters((.10, 19), (.02, 2), (.002, 4)),
}


def _like(place: int, name: str, name_en: str, industry: str, region: str, revenue: float, **other) -> Archetype:
    """One of the ten kinds under a name of its own."""
    told = {"name": name, "name_en": name_en, "industry": industry, "region": region, "revenue": revenue}
    return replace(ARCHETYPES[place], **told, **other)


CAST = (
    _MAKER,
    _DYER,
    replace(_MAKER, name="冀柘成套机械股份有限公司", name_en="Jizhe Plant Machinery Co., Ltd.", region="河北唐山",
        revenue=2.1e9, **_SHORT),
    replace(_DYER, name="姚汀染整股份有限公司", name_en="Yaoting Dyeing Co., Ltd.", revenue=1.3e9, **_STUCK),
    _like(8, "驰曜光电有限公司", "Chiyao Optics Co., Ltd.", "C39 电子设备制造业", "广东惠州", 3.9e8),
    _like(0, "砚桥阀门有限公司", "Yanqiao Valves Co., Ltd.", "C34 通用设备制造业", "浙江温州", 6.4e8),
    _like(9, "岚杏生物制药有限公司", "Lanxing Biopharma Co., Ltd.", "C27 医药制造业", "江苏泰州", 7.2e8, gaps=False),
    _like(3, "汇屿供应链有限公司", "Huiyu Supply Chain Co., Ltd.", "F51 批发业", "福建厦门", 2.6e9),
    _like(5, "磐砾水泥有限公司", "Panli Cement Co., Ltd.", "C30 非金属矿物制品业", "广西贵港", 1.3e9),
    _like(2, "稻畔乳业股份有限公司", "Daopan Dairy Co., Ltd.", "C14 食品制造业", "黑龙江齐齐哈尔", 1.1e9,
        advance_days=40, payable_days=(92, 94), receivable_days=(12, 12), inventory_days=(40, 40)),
    _like(0, "钧泽机床有限公司", "Junze Machine Tools Co., Ltd.", "C34 通用设备制造业", "陕西宝鸡", 7.5e8),
    _like(8, "芯栩元件有限公司", "Xinxu Components Co., Ltd.", "C39 电子设备制造业", "江西吉安", 3.1e8),
    _like(9, "瑞苓药业有限公司", "Ruiling Pharmaceutical Co., Ltd.", "C27 医药制造业", "河北石家庄", 5.8e8, gaps=False),
    _like(4, "辽砺矿山机械有限公司", "Liaoli Mining Machinery Co., Ltd.", "C35 专用设备制造业", "辽宁抚顺", 7.8e8),
    _like(3, "浦岬钢铁贸易有限公司", "Pujia Steel Trading Co., Ltd.", "F51 批发业", "上海", 3.4e9),
    _like(6, "沅汐燃气有限公司", "Yuanxi Gas Co., Ltd.", "D45 燃气生产和供应业", "湖南常德", 3.9e8,
        receivable_days=(104, 106), payable_days=(60, 60)),
    _like(0, "苏芃电机有限公司", "Supeng Motors Co., Ltd.", "C38 电气机械和器材制造业", "江苏盐城", 9.1e8),
    _like(5, "皖垚陶瓷有限公司", "Wanyao Ceramics Co., Ltd.", "C30 非金属矿物制品业", "安徽宣城", 8.6e8),
    _like(2, "湘麦食品有限公司", "Xiangmai Foods Co., Ltd.", "C14 食品制造业", "湖南益阳", 9.4e8),
    _like(9, "渝芷医疗器械有限公司", "Yuzhi Medical Devices Co., Ltd.", "C35 专用设备制造业", "重庆", 4.9e8,
        gaps=False),
    _like(8, "粤栎精密电子有限公司", "Yueli Precision Co., Ltd.", "C39 电子设备制造业", "广东中山", 2.8e8),
    _like(0, "鲁舫船舶配件有限公司", "Lufang Marine Parts Co., Ltd.", "C37 运输设备制造业", "山东烟台", 8.8e8),
)

# As in archetypes: what officers and outside sources saw at the two looks, by the borrower's number from zero.
SEEN = {
    11: {"policy_restriction": (1, 1), "orders_change": (.10, .12), "capacity_use": (.78, .80)},
    12: {"orders_change": (-.22, -.26), "staff_change": (-.15, -.21), "electricity_change": (-.25, -.31),
         "provision_share": (.22, .31), "risk_increased": (1, 1)},
    13: {"policy_restriction": (2, 2), "capacity_use": (.52, .46), "orders_change": (-.31, -.35),
         "provision_share": (.18, .26), "risk_increased": (1, 1), "group_member_days_overdue": (12, 40)},
    14: {"other_bank_days_overdue": (0, 6), "new_lenders": (3, 3), "limit_use": (.97, 1.0), "risk_increased": (0, 1)},
    15: {"shares_pledged_share": (.55, .72)},
    18: {"product_price_change": (-.12, -.22), "industry_index_change": (-.08, -.13)},
    20: {"related_receivables_to_equity": (.14, .23), "untraded_related_share": (.05, .18)},
    21: {"barred_export_share": (.08, .16)},
    23: {"enforcement_listed": (0, 1), "lawsuits_to_equity": (.06, .12), "stopped_days": (0, 12),
         "wages_unpaid_months": (0, 1), "orders_change": (-.28, -.41), "provision_share": (.2, .35),
         "other_bank_days_overdue": (20, 76), "risk_increased": (1, 1)},
    24: {"bounced_bills": (0, 2), "new_payee_share": (.18, .27)},
    26: {"penalties": (0, 1)},
    27: {"top_customers_changed": (1, 2)},
    30: {"controller_changed": (0, 1), "vat_revenue_gap": (.22, .28)},
    31: {"finance_head_changes": (1, 2)},
}
# fmt: on
