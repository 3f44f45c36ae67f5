"""The frame of a page: its style, and the script that sorts its tables."""

from datetime import UTC, datetime

from plotly.offline import get_plotlyjs

from kdl.files import atomic
from kdl_cli.page.markup import Html, element

# The page loads nothing, so that nobody learns that it is read.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:"
)
STYLE = """
:root { color-scheme: light dark; --text: #222; --page: #fff; --line: #bbb;
  --shade: #f2f4f6; --link: #005a9c; --veil: rgba(255, 255, 255, 0.8); }
@media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --page: #16191c;
  --line: #555; --shade: #22272b; --link: #7cc4ff; --veil: rgba(22, 25, 28, 0.8); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 4rem; color: var(--text);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1rem 0 0; font-size: 1rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.5rem; background: var(--page); }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.2rem; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 0.4rem 0; }
summary { padding: 0.4rem 0; cursor: pointer; }
.scroll { overflow: auto; max-height: 80vh; margin: 1rem 0; }
pre { padding: 0.8rem; background: var(--shade); white-space: pre-wrap; }
pre code { user-select: all; }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: break-word;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.2rem 0; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0.3rem; text-align: left;
  border-bottom: 1px solid var(--line); vertical-align: top; }
.wide { width: 100%; }
.sortable td, .sortable th { white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--shade); }
th button { all: unset; cursor: pointer; padding: 0.3rem 0; }
th button:focus-visible { outline: 3px solid var(--link); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
/* Fades at the edge to show that the content goes on. */
.cut { overflow: hidden; max-height: var(--cut);
  mask-image: linear-gradient(black calc(100% - 2rem), transparent); }
.all:has(:checked) + .cut { max-height: none; mask-image: none; }
.grid { display: grid; gap: 0 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.grid > * { min-width: 0; }
/* Plotly writes its colours into each element. */
.chart svg text { fill: var(--text) !important; }
.chart svg .hoverlayer text { fill: #fff !important; }
.chart svg .annotation .bg { fill: var(--veil) !important; }
"""
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const key = row => row.cells[column].dataset.value ?? row.cells[column].innerText;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      // What is empty stays at the end.
      if (!x || !y) return !x - !y;
      return sign * (x - y || x.localeCompare(y));
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  }));
}
"""


PAGE = "report.html"


def write(folder, title, summary, sections, style=""):
    """Writes a page into a folder, whole or not at all.

    Args:
        folder: `Path`.
        title: String.
        summary: `Html`, below the title.
        sections: Dict from titles to `Html`.
        style: String. Rules of CSS besides those of all pages.

    Returns:
        `Path` of the page.
    """
    whole = document(title, summary, sections, style)
    with atomic(folder / PAGE) as draft:
        draft.write_text(whole, encoding="utf-8")
    return folder / PAGE


def written_now():
    """A sentence that says when a page was written."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    return f"Written on {now} UTC."


def document(title, summary, sections, style=""):
    """The whole page.

    Args:
        title: String.
        summary: `Html`, below the title.
        sections: Dict from titles to `Html`.
        style: String. Rules of CSS besides those of all pages.
    """
    names = {title: title.lower().replace(" ", "-") for title in sections}
    links = [
        element("li", element("a", title, href=f"#{name}"))
        for title, name in names.items()
    ]
    parts = [
        element(
            "section",
            element("h2", title, id=names[title]),
            content,
            aria_labelledby=names[title],
        )
        for title, content in sections.items()
    ]
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        element("title", title),
        element("style", Html(STYLE + style)),
        element("script", Html(get_plotlyjs())),
    )
    body = element(
        "body",
        element("a", "Skip to the results", href="#main", class_="skip"),
        element("header", element("h1", title), summary),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("noscript", element("p", "The charts need JavaScript.")),
        element("main", *parts, id="main", tabindex=-1),
        element("script", Html(SCRIPT)),
    )
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en")
