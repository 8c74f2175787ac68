"""The Excel template of the book's tables: their columns, headers and hints, and the workbook to fill in.

A table sheet has three header rows (column ids, Chinese, English), one example row and then a fact a row.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from postloan import chart
from postloan.loan_tables import CURRENCIES, LOAN_TABLES, Column, columns_of
from postloan.measures import observations

__all__ = ["CURRENCIES", "TABLES", "Field", "write_template"]
MONTHS = (0, 3, 6, 9, 12)
EXAMPLE = "EXAMPLE"
README, CHART, OBSERVED = "说明 README", "chart", "observed"
_HEADER_ROWS, _PREPARED_ROWS, _LOAN_ROWS = 3, 2000, 200


@dataclass(frozen=True)
class Field:
    """One column of a table: id, Chinese and English header with unit hints in brackets, example, format."""

    id: str
    zh: str
    en: str
    example: object = None
    format: str = "General"
    required: bool = False
    width: int = 16
    choices: tuple[str, ...] = ()


_DAY, _AMOUNT = "yyyy-mm-dd", "#,##0.00"
_ID = Field("borrower_id", "借款人编号（文本）", "borrower id (text)", f"{EXAMPLE}-示例", "@", True)
_CURRENCY = Field("currency", "币种（三位代码）", "currency (three letters)", "CNY", width=22)
TABLES: dict[str, list[Field]] = {
    "borrowers": [
        _ID,
        Field("name", "名称", "name", "示例泵业有限公司", required=True, width=30),
        Field("name_en", "英文名称", "English name", "Example Pumps Co., Ltd.", width=30),
        Field("industry", "行业（GB/T 4754）", "industry (GB/T 4754)", "C34 通用设备制造业", width=26),
        Field("region", "地区", "region", "江苏南通"),
        _CURRENCY,
        Field("credit_code", "统一社会信用代码", "credit code", "999900000000000000", "@", width=24),
        Field("first_drawdown", "首次放款日", "first drawdown (date)", dt.date(2023, 3, 15), _DAY),
    ],
    "statements": [
        _ID,
        Field("period_end", "期末日", "period end (date)", dt.date(2024, 12, 31), _DAY, True),
        Field(
            "months",
            "期间月数（时点数 0；累计数 3/6/9/12，截至期末日）",
            "months (0 stock, 3/6/9/12 span ending at period_end)",
            12,
            required=True,
            width=26,
        ),
        Field("item", "项目（见 chart 表）", "item (see sheet chart)", "revenue", required=True, width=30),
        Field("amount", "金额（元）", "amount (basic currency unit)", 123456789.0, _AMOUNT, True, 26),
        _CURRENCY,
        Field("known_on", "获知日", "known on (date)", dt.date(2025, 4, 25), _DAY),
        Field("source", "来源", "source", "2024年年度报告 第58页", width=36),
    ],
    "observations": [
        _ID,
        Field(
            "metric",
            "观察项（见 observed 表）",
            "observation (see sheet observed)",
            "capacity_use",
            required=True,
            width=34,
        ),
        Field("value", "数值（比例用小数）", "value (shares as decimals)", 0.62, required=True),
        Field("observed_on", "观察日", "observed on (date)", dt.date(2025, 4, 20), _DAY, True),
        Field("known_on", "获知日", "known on (date)", dt.date(2025, 4, 22), _DAY),
        Field("source", "来源", "source", "现场走访，车间主任", width=36),
    ],
}


def _field(column: Column) -> Field:
    """A column of a loan table as one of the template."""
    form = {"day": _DAY, "amount": _AMOUNT, "number": _AMOUNT, "text": "@"}.get(column.kind, "General")
    choices = column.kind if isinstance(column.kind, tuple) else ()
    example = dt.date.fromisoformat(column.example) if column.kind == "day" and column.example else column.example
    return Field(column.id, column.zh, column.en, example, form, column.required, 20, choices)


TABLES |= {name: [_field(column) for column in columns_of(name).values()] for name in LOAN_TABLES}
_INSTRUCTIONS = (
    "本工作簿是贷后追踪的数据模板。 This workbook is the template of the post-loan book.",
    "每张表前三行是表头，请勿改动；从第四行起一行一个事实。 Keep rows 1–3; one fact a row below.",
    f"第四行是示例，编号以 {EXAMPLE} 开头的行不导入。 Row 4 is an example; {EXAMPLE} rows are skipped.",
    "borrowers：已在账簿中的借款人可不填。 borrowers: not needed where the book knows the borrower.",
    "金额用基本单位（元、美元），不用万元。 Amounts in the basic unit (元, $), not 万元 or thousands.",
    "months：资产负债表项目填 0，利润表、现金流量表填累计月数。 months: 0 for balances, else the span.",
    "observations：现场、账户与外部所见，一事一行，项目取 observed 表。 observations: what was seen, one a row.",
    "贷款、放款、还款计划等表：金额为正数，方向另列；选择项见下拉。 Loan tables: amounts positive; choices in lists.",
    "item：chart 表中的代码、中文名或英文名。 item: an id, Chinese or English name from the sheet chart.",
    "known_on 空白时取法定披露截止日。 known_on: when blank, the statutory filing deadline.",
    "编号、代码以文本填写，如 000001。 Codes are text, such as 000001.",
)


def write_template(path: Path | str, today: dt.date | None = None) -> None:
    """Write the empty workbook to `path`: instructions, a sheet a table with one example row, the chart.

    `today` (default: the system's) is the day printed on the first sheet.
    """
    book = openpyxl.Workbook()
    readme = book.active
    readme.title = README
    for line in (*_INSTRUCTIONS, f"{today or dt.date.today():%Y-%m-%d}"):
        readme.append([line])
    readme.column_dimensions["A"].width = 120
    readme["A1"].font = Font(bold=True)
    for table, fields in TABLES.items():
        _write_table(book.create_sheet(table), fields, _LOAN_ROWS if table in LOAN_TABLES else _PREPARED_ROWS)
    _write_chart(book.create_sheet(CHART))
    _write_observed(book.create_sheet(OBSERVED))
    book.save(path)


def _write_table(sheet: Worksheet, fields: list[Field], prepared: int) -> None:
    for part in ("id", "zh", "en", "example"):
        sheet.append([getattr(one, part) for one in fields])
    for number, one in enumerate(fields, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = one.width
        if one.format != "General":
            for row in range(_HEADER_ROWS + 1, _HEADER_ROWS + prepared + 1):
                sheet.cell(row, number).number_format = one.format
        if choices := _choices(one):  # another entry only warns
            rule = DataValidation("list", formula1=choices, allow_blank=True, errorStyle="warning")
            sheet.add_data_validation(rule)
            rule.add(f"{letter}{_HEADER_ROWS + 1}:{letter}{_HEADER_ROWS + prepared}")
    _dress(sheet)
    for cell in sheet[_HEADER_ROWS + 1]:
        cell.font = Font(italic=True, color="808080")


def _choices(field: Field) -> str | None:
    """The validation list of a column; another entry only warns: names in words are read too."""
    if field.choices:
        return f'"{",".join(field.choices)}"'
    if field.id == "item":
        return f"{CHART}!$A${_HEADER_ROWS + 1}:$A${_HEADER_ROWS + len(chart.items())}"
    if field.id == "metric":
        return f"{OBSERVED}!$A${_HEADER_ROWS + 1}:$A${_HEADER_ROWS + len(observations())}"
    words = {"currency": CURRENCIES, "months": map(str, MONTHS)}.get(field.id)
    return f'"{",".join(words)}"' if words else None


def _write_chart(sheet: Worksheet) -> None:
    sheet.append(["item", "zh", "en", "statement", "kind"])
    sheet.append(["项目", "中文", "英文", "报表", "时点/期间"])
    sheet.append(["item", "Chinese", "English", "statement", "stock/flow"])
    for item in chart.items().values():
        sheet.append([item.id, item.zh, item.en, item.statement, item.kind])
    for letter, width in zip("ABCDE", (32, 36, 52, 12, 12), strict=True):
        sheet.column_dimensions[letter].width = width
    _dress(sheet)


def _write_observed(sheet: Worksheet) -> None:
    sheet.append(["metric", "zh", "en", "group", "unit", "fresh_days"])
    sheet.append(["观察项", "中文", "英文", "组别", "单位", "有效天数"])
    sheet.append(["observation", "Chinese", "English", "group", "unit (pct: 0.2 is 20 %)", "days it counts"])
    for name, each in observations().items():
        sheet.append([name, each.zh, each.en, each.group, each.unit, each.fresh_days])
    for letter, width in zip("ABCDEF", (32, 36, 52, 12, 12, 12), strict=True):
        sheet.column_dimensions[letter].width = width
    _dress(sheet)


def _dress(sheet: Worksheet) -> None:
    sheet.freeze_panes = sheet.cell(_HEADER_ROWS + 1, 2)
    for row in sheet.iter_rows(max_row=_HEADER_ROWS):
        for cell in row:
            cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7ECF2")
            cell.alignment = Alignment(wrap_text=True, vertical="top")
