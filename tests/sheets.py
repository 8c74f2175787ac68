"""What tests of exhibits share: a sheet to write on, and an exhibit as a reader reads it."""

import html
import re

from postloan import texts
from postloan.report.exhibits import Sheet


def sheet(language="en", scale=(1e4, "万", 0)):
    return Sheet(texts(language), "CNY", "2026-05-15", 360, 2, 1, True, scale)


def in_millions(language="en"):
    return sheet(language, (1e6, "m", 1))


def told(part):
    return html.unescape(re.sub(r"<[^>]+>", " ", part._repr_html_()))
