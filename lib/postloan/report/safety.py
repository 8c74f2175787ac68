"""What may stand on a page that must work without scripts and without a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import count

from postloan.errors import RunError

_LOADING = {
    "src",
    "srcset",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "ping",
}
_FORBIDDEN = {"script", "iframe", "object", "embed", "base", "meta", "link", "form", "applet", "frame"}
_SUSPECT = re.compile(
    r"<\s*/?(?:" + "|".join(sorted(_FORBIDDEN)) + r")\b|\bon\w+\s*=|//|\w+script:|@import|url\((?!['\"]?#)|"
    r"\b(?:src|srcset|href|action|data|poster|background|ping)\s*=",
    re.IGNORECASE,
)
_OUTSIDE_CSS = re.compile(r"@import|url\(\s*['\"]?(?!#|data:image/)", re.IGNORECASE)
_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_SVG_LUGGAGE = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE[^>]*>|<metadata>.*?</metadata>|<!--.*?-->|\sxmlns(?::\w+)?=\"[^\"]*\"", re.DOTALL
)


def inline(html: str, where: str) -> str:
    """HTML or SVG as it may be put into a page.

    XML luggage of drawings is dropped. RunError (naming `where`) on a script, an on… handler, an element that
    loads or sends something, or any reference to outside the page.
    """
    html = _SVG_LUGGAGE.sub("", html)
    if _SUSPECT.search(html):
        _Inspector(where).feed(html)
    return html.strip()


def own_ids(html: str, prefix: str) -> str:
    """Give the ids inside drawings a prefix, so that no two drawings of a page share one; drop unused ids."""
    number = count(1)
    return _SVG.sub(lambda match: _own_svg_ids(match[0], f"{prefix}{next(number)}-"), html)


def _own_svg_ids(svg: str, prefix: str) -> str:
    used = set(re.findall(r"#([\w.:-]+)", svg))
    for names in re.findall(r"""\saria-(?:labelledby|describedby)=["']([^"']+)["']""", svg):
        used |= set(names.split())

    def rename(match: re.Match) -> str:
        return f'{match[1]}id="{prefix}{match[2]}"' if match[2] in used else ""

    def refer(match: re.Match) -> str:
        return f'{match[1]}="' + " ".join(prefix + name for name in match[2].split()) + '"'

    svg = re.sub(r"""(\s)id=["']([^"']+)["']""", rename, svg)
    svg = re.sub(r"""(\saria-(?:labelledby|describedby))=["']([^"']+)["']""", refer, svg)
    return re.sub(r"""(url\(["']?|href=["'])#""", rf"\1#{prefix}", svg)


class _Inspector(HTMLParser):
    """Walks the tags of an output and raises at the first thing that must not be there."""

    def __init__(self, where: str):
        super().__init__(convert_charrefs=True)
        self._where, self._in_style = where, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check one element's name and attributes."""
        self._in_style = tag == "style"
        if tag in _FORBIDDEN:
            self._refuse(f"<{tag}>")
        for name, value in attrs:
            outside = name in _LOADING and not re.match(r"#|data:image/", (value or "").strip(), re.IGNORECASE)
            if name.startswith("on") or outside or (name == "style" and _OUTSIDE_CSS.search(value or "")):
                self._refuse(f'<{tag} {name}="{(value or "")[:60]}">')

    def handle_endtag(self, tag: str) -> None:
        """Leave a style element."""
        self._in_style = False

    def handle_data(self, data: str) -> None:
        """Check the text of a style element."""
        if self._in_style and (found := _OUTSIDE_CSS.search(data)):
            self._refuse(f"<style> with {data[found.start() : found.start() + 60]!r}")

    def _refuse(self, what: str) -> None:
        raise RunError(
            f"{self._where}: an output contains {what}; a report may hold no script, no handler and no "
            "reference to anything outside itself: change the cell, or pass texts through html.escape"
        )
