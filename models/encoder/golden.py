"""Writes golden.json: token ids and fp32 reference vectors for a dozen texts, and prints how near int8 comes.

    python models/encoder/golden.py [--source FOLDER]

The vectors come from the numpy forward pass in bert.py, which shares no code with the ONNX graph. The daemon's
golden test requires the same token ids and a cosine of at least 0.99 for each text.
"""

import argparse
import json
import pathlib

import numpy as np

from bert import Model, WordPiece
from export import MAX_TOKENS, source_folder

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = [
    "Hi",
    "What is the capital of France?",
    "Add 4,718 and 93,002, then divide the sum by 12.5.",
    "Convert 72 °F to °C — quickly, please!",
    "Übersetze „Brücke“ ins Französische: naïve, façade, Ærøskøbing, İstanbul",
    "東京の人口は何人ですか？",
    "Сколько будет дважды два?",
    "emoji 🙂👩‍🔬 and zero​width, tab\tand\nnewline",
    "fn main() { println!(\"{:?}\", vec![1, 2, 3].iter().map(|x| x * 2).collect::<Vec<_>>()); }",
    "Spell antidisestablishmentarianism backwards, letter by letter.",
    "A man walks 5 km north and then 12 km east. How far is he from where he started, and in which direction would "
    "he have to walk to get back by the shortest way? Give the distance in kilometres and the angle in degrees.",
    " ".join(["The quick brown fox jumps over the lazy dog while seven wizards brew a potion of jade."] * 20),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, help="model folder (default: the installed package's)")
    args = parser.parse_args()
    model = Model(args.source or source_folder())
    tokenizer = WordPiece(model.tokenizer, MAX_TOKENS)
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text)
        cases.append({"text": text, "ids": ids, "vector": [round(float(v), 6) for v in model.embed(ids)]})
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    (HERE / "golden.json").write_text(f"[\n{lines}\n]\n")
    compare(cases)


def compare(cases: list[dict]) -> None:
    import onnxruntime

    path = HERE.parent / ".build" / "encoder" / "encoder.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for case in cases:
        ids = np.array([case["ids"]])
        vector = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        print(f"{len(case['ids']):4} tokens  cosine {float(vector @ np.array(case['vector'])):.4f}  {case['text'][:60]!r}")


if __name__ == "__main__":
    main()
