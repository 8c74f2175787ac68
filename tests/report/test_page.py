import re
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from postloan.errors import RunError
from postloan.report import page, record

SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><metadata>https://m.org</metadata><g/></svg>'
SVG_TEXT = '<svg role="img" aria-label="图"><text>中</text></svg>'


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def shown(data, mime="text/html", tags=(), **about):
    output = new_output("display_data", {mime: data}, metadata=about)
    return new_code_cell("secret_code = 1", outputs=[output], metadata={"tags": list(tags)})


def recorded(**changed):
    values = pd.DataFrame(columns=["ratio", "period_end", "value", "reason"])
    fields = {"borrower_id": "600600", "as_of": "2023-10-31", "language": "zh", **changed}
    built = record.build("postloan.borrower_review", values=values, **fields)
    bundle = record.show(built)._repr_mimebundle_()
    return new_code_cell("show", outputs=[new_output("execute_result", bundle)])


def export(*cells, language=None, **metadata):
    return page.export(new_notebook(cells=list(cells), metadata=metadata), language=language)


def body(html):
    return html[html.index("<body>") :]


BILINGUAL = (text("# 报告\n\n中文段", "zh"), text("# Report\n\nEnglish words", "en"), text("both"))


@pytest.mark.parametrize(
    ("language", "lang", "kept", "dropped"),
    [("zh", "zh-CN", "中文段", "English words"), ("en", "en", "English words", "中文段")],
)
def test_one_language_kept(language, lang, kept, dropped):
    html = export(*BILINGUAL, language=language)
    assert f'<html lang="{lang}">' in html
    assert kept in html
    assert dropped not in html
    assert "<p>both</p>" in html


def test_chinese_is_marked_on_an_english_page():
    html = export(text("# Report\n\nHe said: “回款5%已到，正常。” <b>林一</b>"), shown(SVG_TEXT), language="en")
    assert 'said: “<span lang="zh-CN">回款5%已到，正常</span>。” <b><span lang="zh-CN">林一</span></b>' in html
    assert "<text>中</text>" in html


def test_record_sets_language():
    assert '<html lang="en">' in export(*BILINGUAL, recorded(language="en"))


def test_parameters_set_language():
    assert '<html lang="en">' in export(*BILINGUAL, papermill={"parameters": {"language": "en"}})


def test_chinese_without_hint():
    assert '<html lang="zh-CN">' in export(*BILINGUAL)


def test_unknown_language_refused():
    with pytest.raises(RunError, match="'fr'"):
        export(*BILINGUAL, language="fr")


def test_page_says_which_industry():
    html = export(*BILINGUAL, recorded(borrower_id=None, subject="机械 <b>"))
    assert "<span>行业: <b>机械 &lt;b&gt;</b></span>" in html
    assert "<title>报告 · 机械 &lt;b&gt; · 2023-10-31</title>" in html


def test_exactly_one_h1():
    html = export(text("# One"), text("# Two\n\n## Three"), shown("<h1>Four</h1>"))
    assert re.findall(r"<h1>(.*?)</h1>", html) == ["One"]
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == ["Two", "Three", "Four"]


def test_contents_links_work():
    html = export(text("# R"), text("## 比率\n\n## 比率\n\n## A & B <i>c</i>"))
    targets = [unquote(link) for link in re.findall(r'<a href="#([^"]+)"', html)]
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(targets) | {"main"} == set(ids)
    assert len(set(targets)) == 3


def test_title_names_report():
    html = export(text("# 贷后检查报告"), recorded(borrower_name="青岛啤酒"))
    assert "<title>贷后检查报告 · 青岛啤酒 (600600) · 2023-10-31</title>" in html


def test_code_never_shown():
    assert "secret_code" not in export(shown("x"), shown("y", tags=["parameters"]))


def test_streams_are_dropped():
    outputs = [new_output("stream", name=name, text=f"{name}-words") for name in ("stderr", "stdout")]
    html = export(new_code_cell("", outputs=outputs))
    assert "words" not in html
    tagged = export(new_code_cell("", outputs=outputs, metadata={"tags": ["stdout"]}))
    assert "stdout-words" in tagged
    assert "stderr-words" not in tagged


def test_hidden_text_dropped():
    assert "internal" not in export(text("internal", "hide"))


def test_markdown_is_cleaned():
    html = body(
        export(text("a <script>alert(1)</script> [b](https://x.org) ![c](https://x.org/p.png) <b onclick=x>d</b>"))
    )
    assert not re.search(r"<script|https:|onclick|<img", html)
    assert "<b>d</b>" in html


def test_dollars_are_not_mathematics():
    assert "from $100 to $200" in export(text("from $100 to $200"))


def test_markdown_tables_accessible():
    html = export(text("| a | b |\n|---|--:|\n| 1 | 2 |"))
    assert '<th scope="col">a</th>' in html
    assert 'style="text-align:right"' in html
    assert 'class="table-scroll" tabindex="0" role="group"' in html


@pytest.mark.parametrize(
    "bad",
    [
        "<script>1</script>",
        "<ScRiPt src=x>",
        '<b onclick="x()">',
        "<svg/onload=x>",
        '<img src="https://x.org/a.png">',
        '<img src="//x.org/a.png">',
        '<a href="http://x.org">x</a>',
        '<a href="java&#115;cript:x()">x</a>',
        "<style>@import 'x.css'</style>",
        '<b style="background:url(http://x)">',
        '<iframe srcdoc="x">',
        '<meta http-equiv="refresh" content="0">',
    ],
)
def test_unsafe_output_refused(bad):
    with pytest.raises(RunError, match="cell 2: an output contains"):
        export(text("# R"), shown(f"<p>fine</p>{bad}"))


@pytest.mark.parametrize(
    "good",
    [
        "the only = sign",
        "&lt;script&gt;",
        "see https://x.org",
        '<p id="x"><a href="#x">x</a></p>',
        "<p>onset=3 // data=1</p>",
    ],
)
def test_harmless_output_kept(good):
    assert good in export(shown(good))


def test_drawings_lose_luggage():
    html = body(export(shown(SVG, "image/svg+xml", alt='up & "down"')))
    assert 'role="img" aria-label="up &amp; &#34;down&#34;"' in html or 'aria-label="up &amp; &quot;down&quot;"' in html
    assert "http" not in html
    assert "<?xml" not in html


def test_drawing_ids_unique():
    parts = '<title id="t">x</title><g id="unused"/><clipPath id="c"/><g clip-path="url(#c)"/>'
    svg = f'<svg aria-labelledby="t">{parts}</svg>'
    html = body(export(shown(svg + svg), shown(svg)))
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "unused" not in html
    assert all(f"url(#{name})" in html for name in ids if name.endswith("-c"))
    assert all(f'labelledby="{name}"' in html for name in ids if name.endswith("-t"))


def test_pictures_carry_alt():
    html = export(shown("AAAA\n", "image/png", alt="falls <fast>"))
    assert '<img alt="falls &lt;fast&gt;" src="data:image/png;base64,AAAA">' in html


def test_plots_hide_repr():
    assert "Axes" not in export(shown("<Axes: >", "text/plain"))


def test_data_is_escaped():
    html = export(text("# R"), recorded(borrower_name='<script>x</script>"; } </style>'))
    assert html.count("</style>") == 1
    assert not re.search("<script", html)


def test_css_text_closed():
    assert page.css_text('a"b\\c\n</style>青') == '"a\\22 b\\5c c\\a \\3c /style\\3e 青"'


def test_synthetic_shows_banner():
    assert 'class="synthetic"' in export(recorded(synthetic=True))
    assert 'class="synthetic"' not in export(recorded())
    assert export(shown('<p class="synthetic">x</p>'), recorded(synthetic=True)).count('class="synthetic"') == 1


def test_unfinished_notebook_refused():
    error = new_output("error", ename="KeyError", evalue="'x'", traceback=[])
    with pytest.raises(RunError, match="cell 1: the notebook did not finish: KeyError"):
        export(new_code_cell("x", outputs=[error]))


def test_page_stands_alone():
    html = export(*BILINGUAL, shown(SVG, "image/svg+xml"), recorded())
    assert "http" not in html.replace("http-equiv", "")
    assert (
        "default-src &#39;none&#39;" in html or "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    )
    assert len(html) < 20_000


def test_elements_are_balanced():
    class Balance(HTMLParser):
        def __init__(self):
            super().__init__()
            self.depth = []

        def handle_starttag(self, tag, attrs):
            if tag not in {"meta", "link", "img", "br", "input", "hr"}:
                self.depth.append(tag)

        def handle_endtag(self, tag):
            assert self.depth.pop() == tag

    checker = Balance()
    checker.feed(export(*BILINGUAL, text("## A\n\n- b\n\n| c |\n|---|\n| d |"), recorded()))
    assert checker.depth == []


def test_nbconvert_runs_exporter(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[text("# 报告")]), path)
    html, _ = page.ReportExporter().from_filename(str(path))
    assert html == page.export(path)


def test_link_without_a_place_keeps_its_text():
    page = export(shown('<a href="#nowhere">name</a> <a class="proof" href="#nowhere">evidence</a>'))
    assert "name" in page
    assert "#nowhere" not in page
    assert "evidence" not in page


def test_screen_cells_stay_off_paper():
    page = body(export(text("## A"), shown("<p>one</p>", tags=["screen"]), text("## B", "screen"), shown("<p>two</p>")))
    assert '<div class="screen"><div class="output"><p>one</p></div></div>' in page
    assert '<section class="chapter screen">' in page
    assert re.findall(r'<p class="paper">.*?B.*?</p>', page)
