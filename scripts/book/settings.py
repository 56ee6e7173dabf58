"""Writes the tables of docs/configuration.md from the code, or (without --write) checks that they are the code's.

Keys and types come from the structs that a settings file is read into, names of variables and flags from the table that
names them, what a key is for from config.example.toml (else from the struct), defaults from `daemon config show`.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from pages import DOCS, ROOT

PAGE = DOCS / "configuration.md"
BEGIN, END = "<!-- written by scripts/guide settings: change the code instead -->", "<!-- to here -->"
CONFIG = ROOT / "daemon/src/config"
STRUCT = re.compile(r"pub struct (\w+) \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"((?:    (?:///|#).*\n)*)    pub (\w+): (.+),")
NAMES = re.compile(r'names\("([\w.]+)", "(\w*)", "([\w-]*)"\)')
TYPES = {
    "String": "text", "PathBuf": "path", "bool": "true or false", "f32": "number", "f64": "number", "u32": "whole number",
    "u64": "whole number", "usize": "whole number", "Vec<String>": "list of texts", "OneOrMany<String>": "text or a list",
}  # fmt: skip


def structs(path):
    """Each struct's fields with type and comment; what serde skips is no key."""
    found = {}
    for name, body in STRUCT.findall(path.read_text()):
        fields = {}
        for above, field, kind in FIELD.findall(body + "\n"):
            said = " ".join(line.strip()[3:].strip() for line in above.splitlines() if line.strip().startswith("///"))
            if "#[serde(skip)]" not in above:
                fields[field] = (re.sub(r"^Option<(.*)>$", r"\1", kind), said)
        found[name] = fields
    return found


def sections():
    """Section to key to type and comment, as a settings file nests them."""
    all_structs = structs(CONFIG / "file.rs") | structs(ROOT / "daemon/swarm/src/score/filter.rs")
    found = {}

    def add(section, struct):
        keys = found.setdefault(section, {})
        for key, (kind, said) in all_structs[struct].items():
            inner = re.sub(r"OneOrMany<(.*)>", r"\1", kind).split("::")[-1]
            if inner in all_structs:
                add(f"{section}.{key}".lstrip("."), inner)
            else:
                keys[key] = (TYPES[kind], said)

    add("", "File")
    return {section: keys for section, keys in found.items() if keys}


def example():
    """What config.example.toml says above each section and each key."""
    said, comment, section = {}, [], ""
    for line in (ROOT / "config.example.toml").read_text().splitlines():
        header, key = re.match(r"\[+([\w.]+)\]", line), re.match(r"(\w+) =", line)
        if line.startswith("#"):
            comment.append(line[1:].strip())
            continue
        if header:
            section = header[1]
        if (header or key) and comment:
            said.setdefault(f"{section}.{key[1]}" if key else section, " ".join(comment))
        comment = []
    return said


def defaults(daemon):
    """What holds where nothing is said, with a home that is not anybody's."""
    with tempfile.TemporaryDirectory() as home:
        place = pathlib.Path(home) / "settings.toml"
        place.write_text('[expert]\nmodel_path = "m.gguf"\ndescription = "d"\n')
        environment = {"HOME": home, "POLYMATH_ASSETS": str(ROOT / "models")}
        argv = [daemon, "--config", place, "config", "show", "--json"]
        shown = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout
        return json.loads(shown.replace(home, "~").replace(f"{ROOT}/", ""))


def default(held, section, key):
    """How the table shows it; what the example sets only to have an expert is nobody's default."""
    at = held
    for part in section.split("."):
        at = at.get(part, {})
        at = at[0] if isinstance(at, list) else at
    if key not in at or (section == "expert" and key in ("model_path", "description")):
        return ""
    value = at[key]
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def named(daemon):
    """Each key's variable and flag. A flag counts if the command takes it that the section is about."""
    flags = {}
    for command in ("run", "ask"):
        told = subprocess.run([daemon, command, "--help"], check=True, capture_output=True, text=True).stdout
        flags[command] = set(re.findall(r"--[\w-]+", told))
    found = {}
    for key, variable, flag in NAMES.findall((CONFIG / "layer.rs").read_text()):
        takes = flags["ask" if key.startswith("ask.") else "run"]
        found[key] = (variable, flag if flag in takes else "")
    return found


def tables(daemon):
    names = named(daemon)
    said, held, lines = example(), defaults(daemon), []
    for section, keys in sections().items():
        lines += [f"## `[{section}]`", ""]
        lines += [said[section], ""] if section in said else []
        lines += ["| key | type | default | what it is, and its variable and flag |", "|---|---|---|---|"]
        for key, (kind, comment) in keys.items():
            what = said.get(f"{section}.{key}", comment).replace("|", "\\|").replace("<", "&lt;")
            elsewhere = "".join(f" `{name}`" for name in names.get(f"{section}.{key}", ()) if name)
            lines.append(f"| `{key}` | {kind} | {default(held, section, key)} | {what}{elsewhere} |")
        lines.append("")
    return "\n".join(lines)


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    daemon = os.environ.get("GUIDE_DAEMON", target / "debug/daemon")
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    fresh = f"{head}{BEGIN}\n\n{tables(daemon)}\n{END}{tail}"
    if fresh == text:
        print("docs/configuration.md is as the code says")
    elif "--write" in sys.argv:
        PAGE.write_text(fresh)
    else:
        sys.exit("docs/configuration.md is not as the code says; run scripts/guide settings")


main()
