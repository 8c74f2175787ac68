"""Rich text that people write (Markdown) as HTML that can do no harm."""

from __future__ import annotations

from html import escape

import mistune
import nh3

from postloan.wording import Texts

_CLEAN_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class"},
    "td": {*nh3.ALLOWED_ATTRIBUTES["td"], "style"},
    "th": {*nh3.ALLOWED_ATTRIBUTES["th"], "style"},
}
_markdown = mistune.create_markdown(escape=False, plugins=["table", "strikethrough", "def_list"])


def markdown(source: str, words: Texts) -> str:
    """Markdown as clean HTML: no images, no links to elsewhere, tables with scope in a scroll container."""
    html = nh3.clean(
        _markdown(source),
        tags=nh3.ALLOWED_TAGS - {"img", "map", "area"},
        attributes=_CLEAN_ATTRIBUTES,
        filter_style_properties={"text-align"},
        url_schemes=set(),
        link_rel=None,
    )
    region = f'<div class="table-scroll" tabindex="0" role="group" aria-label="{escape(words("page.wide_table"))}">'
    html = html.replace("<th>", '<th scope="col">').replace("<th style", '<th scope="col" style')
    return html.replace("<table", region + "<table").replace("</table>", "</table></div>")
