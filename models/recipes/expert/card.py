"""The files beside an expert's weights: its capability card and its cases."""

import hashlib
import json
from pathlib import Path


def write_card(folder: Path, domain, *, command: str, seed: int, tokens: int) -> None:
    """Writes `card.toml` for the GGUF already in `folder`."""
    file = f"{domain.ID}.gguf"
    digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    exemplars = "".join(f"  {json.dumps(e, ensure_ascii=False)},\n" for e in domain.EXEMPLARS)
    abilities = json.dumps(list(getattr(domain, "ABILITIES", ("chat",))))
    (folder / "card.toml").write_text(
        f"id = {json.dumps(domain.ID)}\n"
        f"description = {json.dumps(domain.DESCRIPTION, ensure_ascii=False)}\n"
        f"exemplars = [\n{exemplars}]\n"
        'licence = "Apache-2.0 OR MIT"\n'
        'languages = ["en"]\n'
        f"abilities = {abilities}\n\n"
        "[model]\n"
        f'file = "{file}"\n'
        f'sha256 = "{digest}"\n'
        "max_context = 512\n"
        "temperature = 0.0\n\n"
        "[training]\n"
        f'command = "{command}"\n'
        f"seed = {seed}\n"
        f"tokens = {tokens}\n",
        encoding="utf-8",
    )


def write_cases(path: Path, cases: list[dict]) -> None:
    """One JSON object a line: `prompt` and `expect`."""
    lines = (json.dumps({"prompt": c["prompt"], "expect": c["expect"]}, ensure_ascii=False) for c in cases)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
