# ruff: noqa: E501  (speech is kept on its line)
"""The bank's talks with the two cases and with their twins, and what was signed (see sample_cases)."""

from __future__ import annotations

import pandas as pd

from postloan.book.sample_cases import CHANGED, DYER, MAKER
from postloan.book.sample_ledger import Client, day
from postloan.book.sample_loans import OFFICERS
from postloan.book.sample_talks import promise, state
from postloan.tables import CLASSES

# fmt: off
# held on, channel, people, said, seen on site, papers, signals, figures stated (item, quarter end),
# promises (words, due, millions, days late or None where broken)
_MAKER = (
    ("2023-05-16", "visit", "财务总监", "在手订单饱满，回款正常", "三个车间满负荷", "一季度报表", None,
     (("revenue", "2023-03-31"),), ()),
    ("2023-11-28", "call", "财务总监", "电厂客户验收推迟，应收有所增加，属阶段性", None, None, None,
     (("accounts_receivable", "2023-09-30"),), ()),
    ("2024-05-21", "visit", "总经理、财务总监", "两家化工客户项目缓建，尾款未付", "待发成套设备堆满二号场地", "应收账款账龄表",
     "orders_change=-0.1", (("revenue", "2024-03-31"), ("accounts_receivable", "2024-03-31")), ()),
    ("2024-08-22", "visit", "总经理、财务总监", "应收账款增加主要因下游验收延后，账龄一年以上约占三成", "一号车间开工约七成",
     "账龄表、银行流水", "orders_change=-0.14; capacity_use=0.73",
     (("accounts_receivable", "2024-06-30"), ("cash", "2024-06-30")), (("9月底前收回华屿电力货款", "2024-09-30", 30, 25),)),
    ("2024-09-19", "call", "财务总监", "首期本金5%按时归还，四季度本金压力较大", None, None, None, (), ()),
    ("2024-10-30", "visit", "董事长、财务总监", "货币资金只够两个月周转，明年每季本金超过可用现金", "成品库存较上季又增", "三季度报表、订单明细",
     "orders_change=-0.2", (("accounts_receivable", "2024-09-30"), ("cash", "2024-09-30")),
     (("12月底前收回一年以上账款", "2024-12-31", 40, -4), ("按月报送回款台账", "2024-11-30", None, -3))),
    ("2024-11-21", "video", "董事长", "市场端：电力、化工技改明年二季度起恢复验收；措施：成立清欠小组、暂停新增产线、对两家客户办理保理", None,
     "清欠方案、客户验收计划", None, (), (("暂停分红至逾期账款收回", "2025-06-30", None, -2),)),
    ("2024-12-18", "visit", "董事长、财务总监", "请求按回款节奏还款；同意回款全部归集本行并追加应收账款质押", "清欠小组已到岗", "现金流量预测、保理合同",
     None, (("cash", "2024-09-30"),), (("销售回款全部归集本行账户", "2025-01-31", None, -5),)),
    ("2025-01-10", "visit", "董事长、财务总监", "签署还款计划调整协议：两季只付息，之后逐步加大，末期2027年3月", None, "补充协议", None, (), ()),
    ("2025-04-16", "visit", "财务总监", "华屿电力等三家已付尾款，回款好转", "发货增加，场地腾空一半", "一季度报表",
     "orders_change=0.02", (("accounts_receivable", "2025-03-31"), ("cash", "2025-03-31")), ()),
    ("2025-07-17", "call", "财务总监", "新接两套空分设备订单，预收三成", None, None, None, (("revenue", "2025-06-30"),), ()),
    ("2025-10-21", "visit", "总经理、财务总监", "首笔恢复本金已还，清欠完成八成", "两班生产", "三季度报表、账龄表",
     "orders_change=0.1; capacity_use=0.85", (("accounts_receivable", "2025-09-30"), ("cash", "2025-09-30")), ()),
    ("2026-01-20", "call", "财务总监", "年末回款集中，现金充足", None, None, None, (("cash", "2025-12-31"),), ()),
    ("2026-04-14", "visit", "董事长、财务总监", "三月本金已按新计划归还，全年订单同比增一成", "满负荷生产", "年度报表、审计报告",
     "orders_change=0.12", (("revenue", "2025-12-31"), ("accounts_receivable", "2025-12-31")),
     (("报送上半年回款台账", "2026-07-15", None, -5),)),
)
_DYER = (
    ("2023-10-18", "visit", "财务负责人", "产销正常，定形机满开", "车间开机率九成", "三季度报表", None, (("revenue", "2023-09-30"),), ()),
    ("2024-04-17", "call", "财务负责人", "听说要收紧排水指标，尚无文件", None, None, None, (("revenue", "2024-03-31"),), ()),
    ("2024-07-05", "visit", "总经理", "限排通知要求停用未改造产线，产能只剩一半，订单仍在手，客户愿意等", "八条线停四条", "限排通知、在手订单",
     "policy_restriction=2", (("revenue", "2024-06-30"),), (("7月底前提交提标改造方案和报价", "2024-07-31", None, -3),)),
    ("2024-08-28", "call", "财务负责人", "七八月收入约为上年同期六成，库存坯布积压", None, None, "capacity_use=0.47", (), ()),
    ("2024-10-25", "visit", "总经理、财务负责人", "三季度收入下降约四成；改造设备已下单，明年一季度验收", "改造车间正在拆旧", "三季度报表、设备合同",
     "capacity_use=0.48", (("revenue", "2024-09-30"), ("cash", "2024-09-30")),
     (("股东追加投入用于改造", "2024-11-30", 20, -7), ("改造期间不分红", "2025-06-30", None, -2))),
    ("2024-11-19", "video", "总经理、股东代表", "明年三月到期本金无法从现金流归还，请求展期一年并下调利率", None, "改造进度表、现金流预测", None,
     (("cash", "2024-09-30"),), ()),
    ("2024-12-10", "visit", "总经理", "签署展期协议：到期日2026年9月14日，利率3.9%", "改造过半", "展期协议、担保人书面同意", None, (), ()),
    ("2025-03-06", "visit", "总经理", "提标改造通过验收，六条线恢复", "六条线运转", "排污许可证", "policy_restriction=1",
     (("revenue", "2024-12-31"),), ()),
    ("2025-07-22", "call", "财务负责人", "订单逐月回升，应收账期缩短", None, None, None, (("revenue", "2025-06-30"),), ()),
    ("2025-10-23", "visit", "财务负责人", "收入已回到限排前八成", "八条线全开", "三季度报表", "capacity_use=0.76",
     (("revenue", "2025-09-30"), ("accounts_receivable", "2025-09-30")), ()),
    ("2026-01-14", "call", "财务负责人", "首期展期本金已还", None, None, None, (("cash", "2025-12-31"),), ()),
    ("2026-04-22", "visit", "总经理、财务负责人", "三月本金已按计划归还，订单同比增一成", "满负荷", "年度报表", "orders_change=0.12",
     (("revenue", "2025-12-31"),), (("报送半年度环保监测报告", "2026-07-31", None, -5),)),
)
_MAKER_TWIN = (
    ("2023-06-08", "call", "财务经理", "正常", None, None, None, (), ()),
    ("2024-06-18", "call", "财务经理", "应收增加，问题不大", None, None, None, (("accounts_receivable", "2024-03-31"),), ()),
    ("2025-04-02", "call", "财务经理", "三月本金晚几天", None, None, None, (), (("六月本金按期归还", "2025-06-20", None, None),)),
    ("2025-10-16", "visit", "财务经理", "账上没有钱，客户不付款", "车间半停，成品满仓", "三季度报表", "staff_change=-0.12",
     (("cash", "2025-09-30"),), (("年底前付清九月欠款", "2025-12-31", 10, None),)),
    ("2026-02-26", "call", "总经理", "正在找新投资人", None, None, None, (), (("三月底前归还欠息", "2026-03-31", None, None),)),
)
_DYER_TWIN = (
    ("2023-11-02", "call", "财务负责人", "正常", None, None, None, (), ()),
    ("2024-10-31", "call", "财务负责人", "受限排影响，收入减少", None, None, None, (("revenue", "2024-09-30"),), ()),
    ("2025-04-10", "call", "财务负责人", "三月本金筹款归还", None, None, None, (), ()),
    ("2025-09-24", "visit", "总经理", "到期贷款无力归还，改造未做", "八条线停五条", "半年度报表", "capacity_use=0.4", (("cash", "2025-06-30"),),
     (("十月底前归还三成", "2025-10-31", 15, None),)),
    ("2026-03-05", "call", "总经理", "无法确定还款时间", None, None, None, (), ()),
)
_SCRIPTS = (_MAKER, _DYER, _MAKER_TWIN, _DYER_TWIN)
_SIGNED = (
    (("2024-08-31", 0, "暂维持正常，按月检查"), ("2024-11-30", 1, "下调关注，制定调整方案"), ("2025-03-31", 1, "重组观察期"),
     ("2025-09-30", 1, "重组观察期，履约正常"), ("2026-04-30", 0, "观察期满，恢复正常")),
    (("2024-07-31", 1, "政策冲击，下调关注"), ("2024-12-31", 1, "展期，重组观察期"), ("2025-06-30", 1, "观察期，履约正常"),
     ("2025-12-31", 0, "观察期满，恢复正常")),
    (("2025-03-31", 0, "无异常"), ("2025-12-31", 2, "逾期超过90天，下调次级")),
    (("2025-03-31", 0, "无异常"), ("2025-12-31", 2, "逾期超过90天，下调次级")),
)
# fmt: on


def talk(client: Client) -> None:
    """Write the talks with a case or a twin, what was promised and what was signed."""
    place = client.number - MAKER
    for turn, row in enumerate(_SCRIPTS[place], start=1):
        _contact(client, turn, row)
    for review, grade, remark in _SIGNED[place]:
        _sign(client, pd.Timestamp(review), grade, remark)


def _contact(client: Client, turn: int, row: tuple) -> None:
    when, channel, people, said, observed, papers, signals, figures, promises = row
    held, contact_id = day(when), f"K{turn}"
    changing = held == CHANGED.get(client.number)
    told = {"channel": channel, "people": people, "said": said, "observed": observed, "documents": papers}
    told |= {"purpose": "还款安排" if changing else "贷后检查" if channel == "visit" else "回访", "signals": signals}
    told |= {"cooperation": "cooperative" if client.number in (MAKER, DYER) else "partial", "documents_refused": 0}
    told |= {"follow_up_by": OFFICERS[client.number % len(OFFICERS)], "follow_up_on": day(held + pd.Timedelta(days=30))}
    client.add("contacts", contact_id=contact_id, held_on=held, **told)
    for item, end in figures:
        state(client, (contact_id, held), item, pd.Timestamp(end), client.quarters.at[pd.Timestamp(end), item])
    for count, (words, due, millions, late) in enumerate(promises, start=1):
        became = {"became": "broken"} if late is None else {"became": "kept", "late": late}
        about = {"due": day(due), "amount": millions and millions * 1e6}
        promise(client, f"M{turn}-{count}", contact_id, held, words, **about, **became)
    for part in filter(None, (signals or "").split("; ")):
        metric, _, value = part.partition("=")
        client.observe(held, **{metric: float(value)})


def _sign(client: Client, review: pd.Timestamp, grade: int, remark: str) -> None:
    signed = day(review + pd.Timedelta(days=6))
    told = {"approved_class": CLASSES[grade], "signed_by": "王审查", "signed_on": signed, "remark": remark}
    client.add("sign_offs", review_as_of=review, **told)
    client.observe(signed, approved_class=grade)
