"""The tables of the loan side as data: what a bank's own systems, contracts and conversations tell of a loan.

One catalogue serves the book (SQL tables), the intake (sheets and CSV files) and the contracts between rooms. A row is
a dated fact: the same key known on a later day replaces it from that day on (a schedule is replaced whole). Amounts are
positive, in the currency's basic unit; rates and shares are decimals a year.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postloan.tables import CLASSES

CURRENCIES = ("CNY", "USD", "EUR", "HKD", "JPY", "GBP", "AUD", "CAD", "CHF", "SGD", "TWD", "KRW", "THB", "CZK")


@dataclass(frozen=True)
class Column:
    """One column: `kind` is text, day, amount (>= 0), number, share (decimal), count, flag or a tuple of choices."""

    id: str
    kind: str | tuple[str, ...]
    zh: str
    en: str
    example: object = None
    required: bool = False


@dataclass(frozen=True)
class LoanTable:
    """One table: `key` tells a row apart from others of its borrower, `known_by` the day it is known when unstated.

    `whole`: rows that share the key and the day known replace all earlier ones of that key (a schedule).
    """

    zh: str
    en: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    known_by: str | None = None
    refers: dict[str, str] = field(default_factory=dict)  # column -> table whose rows it names
    whole: bool = False


def _need(id: str, kind: str | tuple[str, ...], zh: str, en: str, example: object) -> Column:
    return Column(id, kind, zh, en, example, required=True)


KIN = ("own", "controller", "parent", "subsidiary", "sister")  # relations that make one group
RELATIONS = (
    "own", "controller", "shareholder", "parent", "subsidiary", "sister", "family", "guarantor", "customer", "supplier",
    "lender", "other",
)  # fmt: skip
PARTY_KINDS = (
    "company", "individual", "bank", "non_bank_lender", "securities", "fund", "insurer", "developer", "government",
    "payment_agent", "other",
)  # fmt: skip
_LOAN = _need("loan_id", "text", "借据或合同编号", "loan id", "L-0001")
_CURRENCY = Column("currency", CURRENCIES, "币种", "currency", "CNY", required=True)

LOAN_TABLES: dict[str, LoanTable] = {
    "loans": LoanTable(
        "贷款", "loans", ("loan_id",),
        (
            _LOAN,
            _need("product", ("working_capital", "fixed_asset", "project", "trade_finance", "personal_business"),
                  "产品", "product", "working_capital"),
            Column("purpose", "text", "约定用途", "agreed purpose", "采购钢材"),
            _CURRENCY,
            _need("amount", "amount", "合同金额", "amount", 20_000_000),
            _need("signed_on", "day", "签约日", "signed on", "2025-01-06"),
            _need("matures_on", "day", "到期日", "matures on", "2026-01-05"),
            _need("rate", "share", "年利率", "yearly rate", 0.0435),
            Column("effective_rate", "share", "原实际利率（年）", "original effective yearly rate", 0.0442),
            Column("repayment", ("bullet", "equal_principal", "annuity", "interest_only", "custom"), "还款方式",
                   "repayment", "bullet"),
            Column("guarantee", ("credit", "guarantee", "mortgage", "pledge", "mixed"), "担保方式", "guarantee",
                   "mortgage"),
            Column("payment", ("entrusted", "self"), "支付方式", "payment", "entrusted"),
            Column("entrusted_above", "amount", "受托支付起点", "entrusted payment above", 10_000_000),
            Column("account", "text", "放款账户", "account paid into", "6222-0001"),
            Column("collection_account", "text", "回款归集账户", "collection account", "6222-0002"),
            Column("officer", "text", "客户经理", "officer", "林一"),
            Column("restructured_from", "text", "所重组的贷款", "loan it restructures", ""),
            Column("closed_on", "day", "结清日", "closed on", None),
        ),
        "signed_on",
    ),
    "drawdowns": LoanTable(
        "放款", "drawdowns", ("loan_id", "drawdown_id"),
        (
            _LOAN,
            _need("drawdown_id", "text", "放款编号", "drawdown id", "D1"),
            _need("drawn_on", "day", "放款日", "drawn on", "2025-01-06"),
            _need("amount", "amount", "金额", "amount", 20_000_000),
            Column("account", "text", "入账账户", "account", "6222-0001"),
        ),
        "drawn_on", {"loan_id": "loans"},
    ),
    "schedule": LoanTable(
        "还款计划", "repayment schedule", ("loan_id",),
        (
            _LOAN,
            _need("due_on", "day", "应还日", "due on", "2025-04-05"),
            _need("principal", "amount", "应还本金", "principal due", 5_000_000),
            _need("interest", "amount", "应还利息", "interest due", 217_500),
        ),
        None, {"loan_id": "loans"}, whole=True,
    ),
    "repayments": LoanTable(
        "还款", "repayments", ("loan_id", "repayment_id"),
        (
            _LOAN,
            _need("repayment_id", "text", "还款编号", "repayment id", "R1"),
            _need("paid_on", "day", "还款日", "paid on", "2025-04-05"),
            _need("principal", "amount", "本金", "principal", 5_000_000),
            _need("interest", "amount", "利息", "interest", 217_500),
            Column("account", "text", "扣款账户", "account", "6222-0002"),
        ),
        "paid_on", {"loan_id": "loans"},
    ),
    "transactions": LoanTable(
        "账户流水", "account transactions", ("account", "transaction_id"),
        (
            _need("account", "text", "账户", "account", "6222-0001"),
            _need("transaction_id", "text", "流水号", "transaction id", "T0001"),
            _need("booked_on", "day", "记账日", "booked on", "2025-01-08"),
            _need("amount", "amount", "金额", "amount", 1_250_000),
            _need("direction", ("in", "out"), "收付", "direction", "out"),
            Column("balance", "number", "余额", "balance after", 18_750_000),
            Column("counterparty", "text", "对手方", "counterparty", "示例钢铁有限公司"),
            Column("counterparty_account", "text", "对手方账户", "counterparty account", "6228-7788"),
            Column("counterparty_kind", PARTY_KINDS, "对手方类型", "kind of counterparty", "company"),
            Column("channel", ("transfer", "cash", "bill", "card", "fee", "interest", "other"), "渠道", "channel",
                   "transfer"),
            Column("memo", "text", "摘要", "memo", "货款"),
            _CURRENCY,
        ),
        "booked_on",
    ),
    "parties": LoanTable(
        "对手方与关联方", "counterparties and related parties", ("party_id",),
        (
            _need("party_id", "text", "编号", "party id", "P1"),
            _need("name", "text", "名称", "name", "示例钢铁有限公司"),
            Column("relation", RELATIONS, "与借款人关系", "relation to the borrower", "supplier"),
            Column("kind", PARTY_KINDS, "类型", "kind", "company"),
            Column("credit_code", "text", "统一社会信用代码", "credit code", "999900000000000001"),
            Column("controller", "text", "实际控制人", "controller", "周二"),
            Column("address", "text", "地址", "address", "江苏南通示例路1号"),
            Column("phone", "text", "电话", "phone", "0513-0000001"),
            Column("account", "text", "账户", "account", "6228-7788"),
            Column("founded_on", "day", "成立日", "founded on", "2015-03-01"),
            Column("scope", "text", "经营范围", "business scope", "钢材销售"),
            Column("on_contract", "flag", "在约定收款人名单", "on the agreed list of payees", 1),
        ),
    ),
    "papers": LoanTable(
        "合同与发票", "contracts and invoices", ("paper_id",),
        (
            _need("paper_id", "text", "编号", "paper id", "INV-1"),
            _need("kind", ("contract", "invoice", "credit_note"), "种类", "kind", "invoice"),
            Column("loan_id", "text", "对应贷款", "loan", "L-0001"),
            _need("party", "text", "对方名称", "party", "示例钢铁有限公司"),
            _need("amount", "amount", "金额（含税）", "amount with tax", 1_250_000),
            _need("dated_on", "day", "日期", "dated on", "2025-01-03"),
            Column("invoice_number", "text", "发票号码", "invoice number", "00000001"),
            Column("contract_id", "text", "所属合同", "contract", "CON-1"),
            Column("cancelled_on", "day", "作废或红冲日", "cancelled on", None),
        ),
        "dated_on", {"loan_id": "loans"},
    ),
    "progress": LoanTable(
        "项目进度", "project progress", ("loan_id", "seen_on"),
        (
            _LOAN,
            _need("seen_on", "day", "核实日", "seen on", "2025-06-30"),
            Column("verified_share", "share", "核实进度", "verified progress", 0.4),
            Column("paid_share", "share", "累计支付比例", "paid so far", 0.45),
            Column("equity_paid_share", "share", "资本金到位比例", "equity paid in", 0.5),
        ),
        "seen_on", {"loan_id": "loans"},
    ),
    "collateral": LoanTable(
        "押品", "collateral", ("collateral_id",),
        (
            _need("collateral_id", "text", "押品编号", "collateral id", "C1"),
            Column("loan_id", "text", "所担保贷款（空为全部）", "loan (blank: all)", "L-0001"),
            _need("kind", ("cash", "securities", "residential", "real_estate", "land", "receivables", "equipment",
                           "inventory"), "种类", "kind", "real_estate"),
            _need("value", "amount", "评估价值", "appraised value", 32_000_000),
            _need("valued_on", "day", "评估日", "valued on", "2025-01-02"),
            Column("prior_claims", "amount", "在先债权", "prior claims", 0),
            Column("registered", "flag", "已登记", "registered", 1),
            Column("insured_until", "day", "保险到期日", "insured until", "2026-01-02"),
            Column("seized_on", "day", "查封日", "seized on", None),
            Column("region", "text", "所在地区", "region", "江苏南通"),
        ),
        "valued_on", {"loan_id": "loans"},
    ),
    "guarantors": LoanTable(
        "保证人", "guarantors", ("guarantor_id",),
        (
            _need("guarantor_id", "text", "保证人编号", "guarantor id", "G1"),
            _need("name", "text", "名称", "name", "示例集团有限公司"),
            Column("credit_code", "text", "统一社会信用代码", "credit code", "999900000000000009"),
            Column("loan_id", "text", "所担保贷款（空为全部）", "loan (blank: all)", "L-0001"),
            Column("amount", "amount", "担保金额", "amount guaranteed", 20_000_000),
            Column("net_assets", "amount", "净资产", "net assets", 80_000_000),
            Column("total_assets", "amount", "总资产", "total assets", 190_000_000),
            Column("guarantees_given", "amount", "对外担保余额", "guarantees given in all", 35_000_000),
            Column("cash_flow", "number", "年经营现金流", "yearly operating cash flow", 9_000_000),
            Column("borrower_ref", "text", "在本行的借款人编号", "its own borrower id with us", ""),
            _need("stated_on", "day", "资料日", "figures as of", "2024-12-31"),
        ),
        "stated_on", {"loan_id": "loans"},
    ),
    "covenants": LoanTable(
        "约定条款", "covenants", ("covenant_id",),
        (
            _need("covenant_id", "text", "条款编号", "covenant id", "V1"),
            _LOAN,
            _need("metric", "text", "指标", "metric", "current_ratio"),
            _need("side", ("at_least", "at_most"), "方向", "side", "at_least"),
            _need("limit", "number", "限值", "limit", 1.1),
            Column("since_on", "day", "起始日", "in force since", "2025-01-06"),
            Column("waived_until", "day", "豁免至", "waived until", None),
        ),
        "since_on", {"loan_id": "loans"},
    ),
    "events": LoanTable(
        "外部事件", "events", ("event_id",),
        (
            _need("event_id", "text", "事件编号", "event id", "E1"),
            _need("happened_on", "day", "发生日", "happened on", "2025-05-20"),
            _need("kind", ("policy", "market", "judgment", "enforcement", "penalty", "accident", "ownership", "rating",
                           "default_elsewhere", "tax", "media", "bankruptcy", "other"), "种类", "kind", "policy"),
            _need("severity", ("info", "adverse", "severe"), "程度", "severity", "adverse"),
            _need("title", "text", "摘要", "title", "地方限产通知"),
            Column("amount", "amount", "涉及金额", "amount concerned", None),
        ),
        "happened_on",
    ),
    "cross_checks": LoanTable(
        "交叉核验", "cross-checks", ("kind", "period_end", "months"),
        (
            _need("kind", ("vat_sales", "cit_revenue", "bank_inflow", "electricity_kwh", "payroll", "social_security",
                           "freight", "bureau_debt", "bank_deposits"), "种类", "kind", "vat_sales"),
            _need("period_end", "day", "期末日", "period end", "2024-12-31"),
            _need("months", "count", "期间月数（时点 0）", "months (0: a balance)", 12),
            _need("value", "number", "数值", "value", 118_000_000),
        ),
        "period_end",
    ),
    "contacts": LoanTable(
        "客户沟通", "client contacts", ("contact_id",),
        (
            _need("contact_id", "text", "沟通编号", "contact id", "K1"),
            _need("held_on", "day", "日期", "held on", "2025-04-18"),
            _need("channel", ("visit", "call", "video", "message"), "方式", "channel", "visit"),
            Column("people", "text", "参与人及职务", "people and roles", "财务总监"),
            Column("purpose", "text", "目的", "purpose", "季度回访"),
            Column("said", "text", "客户陈述", "what was said", "订单恢复，回款偏慢"),
            Column("cooperation", ("cooperative", "partial", "refuses"), "配合程度", "cooperation", "cooperative"),
            Column("observed", "text", "现场所见", "what was seen", "三条线开两条"),
            Column("documents", "text", "取得资料", "documents received", "4月纳税申报表"),
            Column("documents_refused", "count", "被拒资料份数", "documents refused", 0),
            Column("signals", "text", "风险迹象（观察项=数值，分号分隔）", "risk signals (observation=value; …)",
                   "staff_change=-0.1"),
            Column("follow_up_by", "text", "跟进人", "follow-up by", "林一"),
            Column("follow_up_on", "day", "跟进日", "follow-up on", "2025-05-18"),
        ),
        "held_on",
    ),
    "stated_figures": LoanTable(
        "客户所述数字", "figures the client stated", ("contact_id", "item", "period_end"),
        (
            _need("contact_id", "text", "沟通编号", "contact id", "K1"),
            _need("item", "text", "项目（chart、核验种类或观察项）", "item (chart, cross-check kind or observation)",
                  "revenue"),
            _need("period_end", "day", "期末日", "period end", "2025-03-31"),
            Column("months", "count", "期间月数", "months", 3),
            _need("value", "number", "数值", "value", 31_000_000),
        ),
        None, {"contact_id": "contacts"},
    ),
    "commitments": LoanTable(
        "承诺", "commitments", ("commitment_id",),
        (
            _need("commitment_id", "text", "承诺编号", "commitment id", "M1"),
            Column("contact_id", "text", "沟通编号", "contact id", "K1"),
            _need("promised_on", "day", "承诺日", "promised on", "2025-04-18"),
            _need("promise", "text", "承诺内容", "promise", "6月底前收回甲客户货款"),
            Column("amount", "amount", "金额", "amount", 3_000_000),
            _need("due_on", "day", "兑现期限", "due on", "2025-06-30"),
            _need("status", ("open", "kept", "broken", "withdrawn"), "状态", "status", "open"),
            Column("settled_on", "day", "了结日", "settled on", None),
        ),
        "promised_on", {"contact_id": "contacts"},
    ),
    "sign_offs": LoanTable(
        "审定", "signed reviews", ("review_as_of",),
        (
            _need("review_as_of", "day", "报告截至日", "report as of", "2025-04-30"),
            _need("approved_class", CLASSES, "认定分类", "approved class", "special_mention"),
            _need("signed_by", "text", "审定人", "signed by", "王审查"),
            _need("signed_on", "day", "审定日", "signed on", "2025-05-06"),
            Column("remark", "text", "意见", "remark", "同意，按月检查"),
        ),
        "signed_on",
    ),
}  # fmt: skip


def columns_of(table: str) -> dict[str, Column]:
    """The columns of a loan table by id, borrower first, the day it became known and its source last."""
    own = {column.id: column for column in LOAN_TABLES[table].columns}
    borrower = _need("borrower_id", "text", "借款人编号（文本）", "borrower id (text)", "EXAMPLE-示例")
    known = Column("known_on", "day", "获知日", "known on")
    return {"borrower_id": borrower, **own, "known_on": known, "source": Column("source", "text", "来源", "source")}
