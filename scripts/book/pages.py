"""The pages of the guide as `docs/SUMMARY.md` orders them, and the blocks that are run.

A comment above a block says what a reader does not need to see:

    <!-- guide: not-run: needs a GPU -->        the block (in a page's head: the whole page) is not run, and why
    <!-- guide: on: friend -->                  it is run on another machine of the same network
    <!-- guide: before: daemon run ... -->      run this first, unseen: what the page takes for granted
    <!-- guide: in: checkout -->                (in a page's head) it is run in the checkout itself, not in a folder that looks
                                                like it and can be written to

A page that begins with such a comment means all of its blocks.

Shell blocks (sh) are run as they stand, so are programs (python, js). A block of text right behind a shell block is
what that prints, `…` standing for anything. A TOML block whose first line is `# NAME.toml` is written to that file.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
COMMENT = re.compile(r"<!-- guide: ([a-z-]+):\s(.*?) -->", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)]+\.md)\)")
FENCE = re.compile(r"( *)```(\w*)\s*$")
OF_PAGE, OF_BLOCK = {"not-run", "before", "in"}, {"not-run", "before", "on"}


@dataclasses.dataclass
class Block:
    page: str
    line: int  # of its first line
    language: str
    text: str
    notes: list[tuple[str, str]]
    prints: str | None = None  # what the page says that it prints

    def note(self, key):
        return next((value for name, value in self.notes if name == key), None)

    @property
    def place(self):
        return f"{self.page}:{self.line}"


@dataclasses.dataclass
class Page:
    path: str  # relative to the root
    notes: list[tuple[str, str]]
    blocks: list[Block]

    def note(self, key):
        return next((value for name, value in self.notes if name == key), None)


def book():
    """The pages of the book, in order."""
    listed = LINK.findall((DOCS / "SUMMARY.md").read_text())
    return [f"docs/{name}" for name in listed]


def runnable():
    """The pages whose blocks are run: the README and the book, but for records of decisions, which hold no commands."""
    return ["README.md", *(page for page in book() if not page.startswith("docs/adr/"))]


def comments(text, place, keys):
    found = [(key, " ".join(value.split())) for key, value in COMMENT.findall(text)]
    unknown = [key for key, _ in found if key not in keys]
    if unknown or text.count("<!-- guide:") != len(found):
        raise SystemExit(f"{place}: a guide comment that means nothing: {unknown or 'see scripts/book/pages.py'}")
    return found


def read(path):
    """A page with its blocks. Comments belong to the next block, those before the first heading to the page."""
    lines = (ROOT / path).read_text().splitlines()
    blocks, between, at = [], [], 0
    page = Page(path, [], [])
    headed = False
    while at < len(lines):
        opened = FENCE.match(lines[at])
        if not opened:
            if lines[at].startswith("#") and not headed:
                page.notes, between, headed = comments("\n".join(between), path, OF_PAGE), [], True
            between.append(lines[at])
            at += 1
            continue
        indent, language = len(opened[1]), opened[2]
        end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
        text = "\n".join(line[indent:] for line in lines[at + 1 : end])
        place = f"{path}:{at + 2}"
        if language == "text" and blocks and blocks[-1].language == "sh" and not "".join(between).strip():
            blocks[-1].prints = text
        blocks.append(Block(path, at + 2, language, text, comments("\n".join(between), place, OF_BLOCK)))
        between, at = [], end + 1
    page.blocks = blocks
    return page
