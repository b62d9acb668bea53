"""HTML to text: structure, links, and what is not shown."""

import pytest

from ossia.tools.documents.html import read_html


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>a <b>b</b>c<p>d", "a bc\n\nd"),
        ("<h2>Head</h2>text", "## Head\n\ntext"),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "  * a\n  * b\n    * c\n  * d"),
        ("<ol start=3><li>a<li>b</ol>", "  3. a\n  4. b"),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "  * a\nb"),
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "A | B\n1 | 2"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("a<br>b", "a\nb"),
        ("x<sup>2</sup> y<sub>i</sub>", "x^{2} y_{i}"),
        ("<img alt='A cat'><img>", "[Image 0: A cat][Image 1]"),
        ("a<script>x</script><style>y</style><noscript>z</noscript><!-- c -->b", "ab"),
        ("a<div hidden>x</div><p style='display: none'>y</p><i aria-hidden=true>z</i>b", "ab"),
        ("&lt;|start|&gt; &amp;amp;", "<|start|> &amp;"),
        ("", ""),
        ("<", "<"),
        ("<b>" * 5000 + "deep", ""),
    ],
)
def test_structure_becomes_text(markup: str, text: str) -> None:
    assert read_html(markup).text == text


@pytest.mark.parametrize(
    ("markup", "text", "links"),
    [
        ("<a href=/x>a</a>", "【0†a】", ["https://e.org/x"]),
        ("<a href=y>a</a>", "【0†a】", ["https://e.org/d/y"]),
        ("<a href=//o.org/>a</a>", "【0†a†o.org】", ["https://o.org/"]),
        ("a <a href=/x> b </a>c", "a 【0†b】 c", ["https://e.org/x"]),
        ("<a href=/x>a</a> <a href=/y>b</a> <a href=/x>c</a>", "【0†a】 【1†b】 【0†c】",
         ["https://e.org/x", "https://e.org/y"]),
        ("<a href='#top'>a</a>", "a", []),
        ("<a href='javascript:x'>a</a> <a href='mailto:x@y'>b</a> <a href='data:,x'>c</a>",
         "a b c", []),
        ("<a href='http://[bad'>a</a>", "a", []),
        ("<a href=/x></a>b", "b", []),
        ("<a href=/x>a†b】c</a>", "【0†a‡b〗c】", ["https://e.org/x"]),
        ("<a href='https://u:p@o.org/'>a</a>", "【0†a†o.org】", ["https://u:p@o.org/"]),
        ("<base href='https://b.org/'><a href=x>a</a>", "【0†a†b.org】", ["https://b.org/x"]),
        ("<a href=/x><img alt=cat></a>", "【0†[Image 0: cat]】", ["https://e.org/x"]),
    ],
)  # fmt: skip
def test_links_are_kept(markup: str, text: str, links: list[str]) -> None:
    found = read_html(markup, "https://e.org/d/p")
    assert found.text == text
    assert list(found.links) == links


def test_a_page_is_called_by_its_title_its_heading_or_its_host() -> None:
    assert read_html("<title> A\n b </title><h1>H</h1>").title == "A b"
    assert read_html("<h1>H <i>x</i></h1>").title == "H x"
    assert read_html("x", "https://e.org/a").title == "e.org"


def test_a_page_of_very_many_links_stays_bounded() -> None:
    found = read_html("".join(f"<a href=/{n}>l{n}</a> " for n in range(6000)), "https://e.org/")
    assert len(found.links) == 5000
    assert found.text.endswith("l5999")
