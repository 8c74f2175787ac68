"""An executed notebook becomes one self-contained HTML page: no scripts, nothing fetched from anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

import nbformat
from jinja2 import Environment
from markupsafe import Markup
from nbconvert.exporters import Exporter, TemplateExporter
from nbformat import NotebookNode
from traitlets import Unicode, default

from postloan import settings
from postloan.errors import RunError
from postloan.report import executed, safety
from postloan.report.richtext import markdown
from postloan.wording import Texts, texts

TEMPLATE = Path(__file__).with_name("template")
LAB = "lab"  # the tag of cells that speak to the analyst in JupyterLab and stay off the page
SCREEN = "screen"  # the tag of cells that stay off paper; on a chapter's heading, of the whole chapter
PROSE = "prose"  # the tag of a heading whose first paragraph is no guidance but the matter itself: paper keeps it
ABREAST = "abreast"  # the tag of a heading whose chapter is printed in two columns
_SHOWN_TYPES = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain")
_PLACE = re.compile(r"""\sid=["']([^"']+)["']""")
_LINK = re.compile(r"""<a\b([^>]*)\shref="#([^"]*)"[^>]*>(.*?)</a>""", re.DOTALL)
_CHINESE = re.compile(r"[\u3400-\u9fff](?:[\w%.·\u3000-\u303f\uff00-\uffef]*[\u3400-\u9fff])?")
_SAID = re.compile(r"<svg\b.*?</svg>|>[^<]*[\u3400-\u9fff][^<]*", re.DOTALL)  # a drawing, or text with Chinese in it
_HEADING = re.compile(r"<(h[12])\b([^>]*)>(.*?)</\1>", re.DOTALL)


@dataclass
class Chapter:
    """A heading of the second level and what stands below it, with the tags of its heading."""

    title: str = ""
    tags: frozenset[str] = frozenset()
    blocks: list[Markup] = field(default_factory=list)
    cut: bool = False  # whether some of it stays off paper

    @property
    def css(self) -> str:
        """The classes by which the stylesheet tells how it is printed."""
        return " ".join(("chapter", *sorted(self.tags & {SCREEN, ABREAST, PROSE}))) if self.title else "chapter opening"


@dataclass
class Page:
    """Everything the template needs; `blocks` and `title` are safe HTML, the rest is plain text."""

    about: dict
    words: Texts
    title: str = ""
    chapters: list[Chapter] = field(default_factory=lambda: [Chapter()])
    contents: list[tuple[str, str]] = field(default_factory=list)

    @property
    def blocks(self) -> list[Markup]:
        """All blocks in order, whatever their chapter."""
        return [block for chapter in self.chapters for block in chapter.blocks]

    @property
    def on_screen(self) -> str:
        """The chapters that paper leaves out, by name."""
        return self.words("page.and").join(chapter.title for chapter in self.chapters if SCREEN in chapter.tags)

    @property
    def html_lang(self) -> str:
        """The value of the page's lang attribute."""
        return self.words.html_lang

    @property
    def borrower(self) -> str:
        """The borrower's name and id, as far as known."""
        name, borrower_id = self.about.get("borrower_name"), self.about.get("borrower_id")
        return f"{name} ({borrower_id})" if name and name != borrower_id else str(borrower_id or "")

    @property
    def subject(self) -> str:
        """What the report is about where it is no borrower, such as an industry."""
        return "" if self.borrower else str(self.about.get("subject") or "")

    @property
    def head_title(self) -> str:
        """The browser's title: report, borrower or subject, as-of date."""
        return " · ".join(part for part in (self.title, self.borrower or self.subject, self.about.get("as_of")) if part)

    @property
    def unlabelled(self) -> bool:
        """Whether the data are synthetic and no block says so already."""
        said = any('class="synthetic"' in block for block in self.blocks)
        return bool(self.about.get("synthetic")) and not said

    @property
    def style(self) -> Markup:
        """The stylesheet with the printed page's running header."""
        css = (TEMPLATE / "page.css").read_text(encoding="utf-8")
        mark = self.words("page.synthetic_short") if self.about.get("synthetic") else ""
        header = " · ".join(part for part in (self.head_title, mark) if part)
        running = f"@page {{ @top-left {{ content: {css_text(header)} }} }}"
        return Markup(f"{css}\n{running}\n@page :first {{ @top-left {{ content: none }} }}\n")


class ReportExporter(TemplateExporter):
    """The nbconvert exporter `postloan`: JupyterLab's export menu and `jupyter nbconvert --to postloan` make the page
    that a run makes of the same executed notebook."""

    export_from_notebook = "Post-loan report"
    output_mimetype = "text/html"
    language = Unicode("", help="zh or en; empty: the language of the record, else of the parameters").tag(config=True)

    @default("default_preprocessors")
    def _default_preprocessors_default(self) -> list:
        return []  # each would check the whole notebook again; `compose` does what a page needs

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    @default("template_file")
    def _template_file_default(self) -> str:
        return "page.html.j2"

    @default("template_paths")
    def _template_paths(self, prune=True, root_dirs=None) -> list[str]:
        return [str(TEMPLATE)]

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.autoescape = True
        return environment

    def from_notebook_node(self, nb: NotebookNode, resources=None, **kw) -> tuple[str, dict]:
        """Convert an executed notebook; RunError when it did not finish or an output is not safe to show."""
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
        page = compose(nb, self.language or None)
        return _marked(self.template.render(page=page), page.words), resources


def export(notebook: NotebookNode | Path | str, *, language: str | None = None) -> str:
    """One HTML page of an executed notebook; `language` overrides that of its record and parameters.

    RunError when the notebook holds an error or an output with a script, a handler or an outside reference.
    """
    if not isinstance(notebook, NotebookNode):
        notebook = nbformat.read(Path(notebook), as_version=4)
    return _exporter(language or "").from_notebook_node(notebook)[0]


@cache
def _exporter(language: str) -> ReportExporter:
    """One for all pages of a language: its template is compiled once."""
    return ReportExporter(language=language)


def compose(notebook: NotebookNode, language: str | None = None) -> Page:
    """Lay the notebook out as a page: the cells of one language and not tagged `lab`, one h1, h2 as contents.

    RunError where nothing of it has been run, or its parameters have been changed since.
    """
    executed.check(notebook)
    about = executed.about(notebook)
    page = Page(about, texts(language or about.get("language") or "zh"))
    unseen = {*settings.LANGUAGES, LAB} - {page.words.language}
    for number, cell in enumerate(notebook.cells, start=1):
        tags = frozenset(cell.metadata.get("tags", []))
        if not unseen & tags:
            for html in _cell_blocks(cell, number, page.words):
                _add(page, html, tags)
    page.title = page.title or page.words("page.report")
    _settle(page)
    return page


def _settle(page: Page) -> None:
    """Take links to places the page does not have out of it: the text stays, a link to evidence goes whole."""
    places = {name for block in page.blocks for name in _PLACE.findall(block)} | {slug for slug, _ in page.contents}

    def kept(match: re.Match) -> str:
        known = unquote(match[2]) in places
        return match[0] if known else "" if "proof" in match[1] else match[3]

    for chapter in page.chapters:
        chapter.blocks = [Markup(_LINK.sub(kept, block)) for block in chapter.blocks]


def _marked(html: str, words: Texts) -> str:
    """A page in English with its runs of Chinese (names, what clients said) marked, so that voices can read them."""
    if words.language == "zh":
        return html
    head, body, rest = html.partition("<body>")

    def marked(match: re.Match) -> str:
        return _CHINESE.sub(r'<span lang="zh-CN">\g<0></span>', match[0]) if match[0][0] == ">" else match[0]

    return head + body + _SAID.sub(marked, rest)


def css_text(text: str) -> str:
    """A CSS string literal of any text; nothing in it can close the string or the style element."""
    return '"' + re.sub(r"[^\w ·()./,:-]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'


def _cell_blocks(cell: NotebookNode, number: int, words: Texts) -> list[str]:
    tags = set(cell.metadata.get("tags", []))
    if cell.cell_type == "markdown" and "hide" not in tags:
        return [markdown(cell.source, words)]
    shown = [_output(output, number, tags, words) for output in cell.get("outputs", [])]
    return [f'<div class="output">{html}</div>' for html in shown if html]


def _output(output: NotebookNode, number: int, tags: set[str], words: Texts) -> str:
    where = f"cell {number}"
    if output.output_type == "error":
        raise RunError(f"{where}: the notebook did not finish: {output.ename}: {output.evalue}; run it again first")
    if output.output_type == "stream":
        shown = output.name == "stdout" and "stdout" in tags
        return f'<pre class="plain">{escape(output.text)}</pre>' if shown else ""
    mime = next((mime for mime in _SHOWN_TYPES if mime in output.data), None)
    content, alt = output.data.get(mime, ""), _alt(output, mime, words)
    if mime == "text/html":
        return safety.inline(content, where)
    if mime == "image/svg+xml":
        svg = safety.inline(content, where)
        named = re.search(r"<svg[^>]*\s(role|aria-label|aria-labelledby)=", svg)
        return svg if named else svg.replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)
    if mime in ("image/png", "image/jpeg"):
        return f'<img alt="{alt}" src="data:{mime};base64,{escape("".join(content.split()))}">'
    if mime == "text/markdown":
        return markdown(content, words)
    return "" if not content or content.startswith("<") else f'<pre class="plain">{escape(content)}</pre>'


def _alt(output: NotebookNode, mime: str | None, words: Texts) -> str:
    about = output.get("metadata", {})
    return escape(str(about.get(mime, {}).get("alt") or about.get("alt") or words("page.undescribed")))


def _add(page: Page, html: str, tags: frozenset[str]) -> None:
    """Append a block: the first h1 becomes the page's, later ones are h2, each with an id, an entry and a chapter."""
    begins: list[str] = []

    def heading(match: re.Match) -> str:
        text = unescape(re.sub(r"<[^>]+>", "", match[3])).strip()
        if match[1] == "h1" and not page.title:
            page.title = text
            return ""
        begins.append(text)
        named = re.search(r"""\bid\s*=\s*["']?([^"'\s>]+)""", match[2])
        slug = named[1] if named else _slug(text, {slug for slug, _ in page.contents})
        page.contents.append((slug, text))
        attributes = match[2] if named else f'{match[2]} id="{slug}"'
        return f"<h2{attributes}>{match[3]}</h2>"

    html = _HEADING.sub(heading, html).strip()
    if begins:
        page.chapters.append(Chapter(begins[0], tags))
    if html:
        _place(page, safety.own_ids(html, f"b{len(page.blocks)}-"), SCREEN in tags and not begins)


def _place(page: Page, html: str, off_paper: bool) -> None:
    """Put a block into the newest chapter, marked where it stays off paper."""
    chapter = page.chapters[-1]
    chapter.cut |= off_paper
    chapter.blocks.append(Markup(f'<div class="{SCREEN}">{html}</div>' if off_paper else html))


def _slug(text: str, taken: set[str]) -> str:
    base = "s-" + (re.sub(r"[^\w]+", "-", text.casefold()).strip("-_") or "section")
    return next(slug for n in range(1, 1000) if (slug := base if n == 1 else f"{base}-{n}") not in taken)
