"""Makes the topics that `daemon benchmark lsh` draws experts and questions from.

    python models/recipes/finding_cases.py

`models/cases/finding_own.jsonl`: the definitions and examples of WordNet 3.0 (Debian's wordnet-base) under narrow
hypernyms ("finch", "lawman", "embroidery"), half of the topics by hash. It is text of the kind that the codebook was
trained on, of entries that were held out from it (models/encoder/corpus.py). `models/cases/finding_other.jsonl`: the bundled experts' own prompts, which the
codebook has not seen.
"""

import collections
import hashlib
import json
import pathlib
import random
import re
import sys
import tomllib

MODELS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODELS / "encoder"))
from corpus import is_held_out  # noqa: E402  the codebook must not see them

WORDNET = pathlib.Path("/usr/share/wordnet")
ENTRIES = range(30, 91)  # of a topic: narrow enough for one expert, wide enough to hold some out
EXEMPLARS, QUERIES = 24, 3  # held-out texts of a topic
DEFINED = (
    "Which word means: {g}?", "What do you call {g}?", "{G}", "The term for {g} is", "{l}: {g}",
    "A student reads about {g}. What is the topic?", "{G}: explain why.",
)  # fmt: skip


def byte(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[0]


class WordNet:
    """Entries (kind, lemma, definition, examples) by offset, and the noun topics."""

    def __init__(self, folder: pathlib.Path = WORDNET):
        self.entries: dict[tuple[str, str], tuple[str, str, str, list[str]]] = {}
        self.narrower: dict[str, list[str]] = collections.defaultdict(list)
        roots = []
        for name in ("noun", "verb", "adj", "adv"):
            path = folder / f"data.{name}"
            if not path.exists():
                raise SystemExit(f"{path} is missing: apt-get install wordnet-base (only these cases and the codebook need it)")
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if not line.startswith(" "):
                    self._read(name[0], line, roots)
        self.topics: list[tuple[str, list[str]]] = []
        self._descend(sorted(roots))

    def _read(self, kind: str, line: str, roots: list[str]) -> None:
        """One line of wndb(5)."""
        fields, _, gloss = line.partition(" | ")
        f = fields.split(" ")
        pointers = 4 + 2 * int(f[3], 16)
        parents = []
        for i in range(int(f[pointers])):
            symbol, target, of, _ = f[pointers + 1 + 4 * i : pointers + 5 + 4 * i]
            if symbol in ("@", "@i") and of == "n":
                parents.append(target)
        lemma = re.sub(r"\(.*\)$", "", f[4]).replace("_", " ")
        definition = re.sub(r';? *"[^"]*"', "", gloss).strip(" ;")
        if not definition:
            return
        self.entries[kind, f[0]] = (kind, lemma, definition, re.findall(r'"([^"]{12,})"', gloss))
        for parent in parents:
            self.narrower[parent].append(f[0])
        if kind == "n" and not parents:
            roots.append(f[0])

    def _below(self, root: str) -> set[str]:
        seen: set[str] = set()
        waiting = [root]
        while waiting:
            new = [entry for entry in self.narrower[waiting.pop()] if entry not in seen]
            seen.update(new)
            waiting.extend(new)
        return seen

    def _descend(self, roots: list[str]) -> None:
        """The widest hypernyms that are narrow enough, from the top; an entry counts for the first topic only."""
        visited: set[str] = set()
        taken: set[str] = set()
        waiting = roots[::-1]
        while waiting:
            root = waiting.pop()
            if root in visited:
                continue
            visited.add(root)
            below = self._below(root)
            if len(below) >= ENTRIES.stop:
                waiting.extend(sorted(self.narrower[root], reverse=True))
            elif len(own := sorted(below - taken)) >= ENTRIES.start:
                taken.update(own)
                self.topics.append((root, own))

    def text(self, entry: str, draw: random.Random, kind: str = "n") -> str:
        """The entry as people meet it: its definition, or asked for by it, or an example."""
        _, lemma, gloss, examples = self.entries[kind, entry]
        if examples and draw.random() < 0.3:
            return draw.choice(examples)
        return draw.choice(DEFINED).format(g=gloss, G=gloss[:1].upper() + gloss[1:], l=lemma)

    def held_out(self, half: str) -> list[dict]:
        """The topics of one half with their held-out texts."""
        out = []
        for root, entries in self.topics:
            held = [entry for entry in entries if is_held_out(entry)]
            if half_of(root) != half or len(held) < 18:
                continue
            draw = random.Random(int(root))
            draw.shuffle(held)
            texts = [self.text(entry, draw) for entry in held][: EXEMPLARS + QUERIES]
            _, lemma, gloss, _ = self.entries["n", root]
            below = [self.entries["n", entry][1] for entry in sorted(self.narrower[root])]
            draw.shuffle(below)
            descriptions = [
                f"{lemma.capitalize()}: {gloss}",
                f"Answers questions about {lemma}, such as {', '.join(below[:3])}",
                f"Knows {lemma} ({', '.join(below[1:5])}) and related matters",
                f"An expert on {', '.join(below[2:5]) or lemma} and other kinds of {lemma}",
            ]
            out.append(topic(lemma, descriptions, texts))
        return out


def half_of(topic: str) -> str:
    return "development" if byte("t" + topic) % 2 else "reported"


def topic(name: str, descriptions: list[str], texts: list[str]) -> dict:
    return {"topic": name, "descriptions": descriptions, "exemplars": texts[QUERIES:], "queries": texts[:QUERIES]}


def prompts(path: pathlib.Path) -> list[str]:
    return [json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").splitlines()]


def bundled() -> list[dict]:
    """The bundled experts, each a topic: questions are in phrasings that none was trained on."""
    out = []
    for card in sorted((MODELS / "experts").glob("*/card.toml")):
        told = tomllib.loads(card.read_text(encoding="utf-8"))
        if "chat" in told.get("abilities", ["chat"]):
            seen = prompts(card.with_name("cases_seen.jsonl"))[:EXEMPLARS]
            asked = prompts(card.with_name("cases_unseen.jsonl"))[:20]
            out.append(
                {
                    "topic": card.parent.name,
                    "descriptions": [told["description"]],
                    "exemplars": list(dict.fromkeys(told["exemplars"] + seen)),
                    "queries": asked,
                }
            )
    return out


def main() -> None:
    for name, topics in (("finding_own", WordNet().held_out("reported")), ("finding_other", bundled())):
        path = MODELS / "cases" / f"{name}.jsonl"
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in topics]
        path.write_text("".join(lines), encoding="utf-8")
        print(f"{path.relative_to(MODELS.parent)}: {len(lines)} topics")


if __name__ == "__main__":
    main()
