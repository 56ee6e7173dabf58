"""Checks that every link of the built book and of the README leads to a page, a picture and a heading that are there.

Links to other hosts are counted, not followed.
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse

from pages import DOCS, ROOT, book

BOOK = ROOT / "target/book"
MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Links(html.parser.HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.ids, self.inside = [], set(), 0
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("id"):
            self.ids.add(attributes["id"])
        # Around the text of the page are the book's own links, which mdBook answers for.
        self.inside += tag == "main"
        target = attributes.get("href") if tag == "a" else attributes.get("src") if tag == "img" else None
        if target and self.inside:
            self.targets.append(target)

    def handle_endtag(self, tag):
        self.inside -= tag == "main"


def faults(source, targets, base, pages):
    """Those of the targets in the file `source` that lead nowhere; they start from the folder `base`."""
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = urllib.parse.unquote(target).partition("#")
        file = (base / path).resolve() if path else source
        if not file.exists():
            yield f"{target} is not there"
        elif anchor and (file not in pages or anchor not in pages[file].ids):
            yield f"{target} has no such heading"


def main():
    pages, found, outside = {}, [], 0
    for path in BOOK.rglob("*.html"):
        pages[path.resolve()] = Links(path)
    for name in book():
        path = (BOOK / name.removeprefix("docs/")).with_suffix(".html").resolve()
        links = pages[path]
        outside += sum(target.startswith("http") for target in links.targets)
        found += [f"{name}: {fault}" for fault in faults(path, links.targets, path.parent, pages)]
    readme = ROOT / "README.md"
    targets = [t.partition("#")[0] for t in MARKDOWN_LINK.findall(readme.read_text()) if not t.startswith("#")]
    found += [f"README.md: {fault}" for fault in faults(readme, targets, ROOT, pages)]
    missing = {f"docs/{path.relative_to(DOCS)}" for path in DOCS.rglob("*.md")} - {"docs/SUMMARY.md", *book()}
    found += [f"{name} is not in docs/SUMMARY.md" for name in sorted(missing)]
    print(*found, sep="\n", end="\n" if found else "")
    total = sum(len(pages[path].targets) for path in pages)
    print(f"{len(book())} pages, {total} links, {outside} of them to other hosts (not followed), {len(found)} faults")
    sys.exit(bool(found))


main()
