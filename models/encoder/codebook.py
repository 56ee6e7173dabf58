"""Trains the codebook: 1,024 cells of the embedding space, which decide where in the DHT an expert is found.

    python models/encoder/codebook.py train [--texts 50000] [--output models/encoder/codebook.bin]
    python models/encoder/codebook.py recall --prompts FILE.jsonl [--experts 2000]

`train` needs Debian's wordnet-base and takes about ten minutes on one thread: seeded text (corpus.py), the int8
encoder of models/.build, spherical k-means (Dhillon & Modha 2001) from k-means++ (Arthur & Vassilvitskii 2007).
`recall` reads prompts with a domain each (`prompt`, `expert`), makes experts of eight exemplars from one half,
asks with the other half, and prints how often the best expert of all is among the providers of the query's
nearest eight cells.

The file: magic "PMCELLS", version (u8), level (u8), three zero bytes, dimension and count (u32 little-endian),
then for every cell its scale (f32) and `dimension` steps (i8); a centre is scale × steps, normalised.
"""

import argparse
import hashlib
import json
import os
import pathlib
import struct
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import corpus
from bert import WordPiece

HERE = pathlib.Path(__file__).resolve().parent
ENCODER = HERE.parent / ".build" / "encoder"
MAGIC, VERSION, LEVEL = b"PMCELLS", 1, 0
CELLS = 1_024
SEED = 20_261_122
ITERATIONS = 25  # it has stopped moving by then: the change of the objective is below 1e-4
LOOKUPS, ANNOUNCED, RANKS = 8, 18, 3  # as in daemon/swarm/src/cells.rs


def embed(texts: list[str]) -> np.ndarray:
    """Unit vectors, one text at a time as the daemon does it, cached under models/.build by content."""
    import onnxruntime

    encoder = (ENCODER / "encoder.onnx").read_bytes()
    name = hashlib.sha256(hashlib.sha256(encoder).digest() + "\n".join(texts).encode()).hexdigest()[:16]
    cache = HERE.parent / ".build" / "codebook" / f"{name}.npy"
    if cache.exists():
        return np.load(cache)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(encoder, options, providers=["CPUExecutionProvider"])
    tokenizer = WordPiece(json.loads((ENCODER / "tokenizer.json").read_text()), 256)
    out = np.empty((len(texts), 384), dtype=np.float32)
    started = time.monotonic()
    for i, text in enumerate(texts):
        ids = np.array([tokenizer.encode(text)])
        out[i] = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        if i % 5_000 == 4_999:
            print(f"embedded {i + 1:,} of {len(texts):,} in {time.monotonic() - started:.0f} s", flush=True)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, out)
    return out


def kmeans(points: np.ndarray, cells: int, seed: int) -> np.ndarray:
    """Unit centres that maximise the summed cosine to each point's nearest."""
    draw = np.random.default_rng(seed)
    centres = np.empty((cells, points.shape[1]), dtype=np.float32)
    centres[0] = points[draw.integers(len(points))]
    distance = 1.0 - points @ centres[0]
    for cell in range(1, cells):
        weights = np.maximum(distance, 0.0).astype(np.float64)
        centres[cell] = points[draw.choice(len(points), p=weights / weights.sum())]
        np.minimum(distance, 1.0 - points @ centres[cell], out=distance)
    for iteration in range(ITERATIONS):
        cell, cosine = nearest(points, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, cell, points)
        empty = np.bincount(cell, minlength=cells) == 0
        # A cell that lost all its points starts again at one of those served worst.
        sums[empty] = points[np.argsort(cosine)[: int(empty.sum())]]
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        print(f"iteration {iteration + 1}: mean cosine {cosine.mean():.5f}, empty {int(empty.sum())}", flush=True)
    return centres


def nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cell, cosine = np.empty(len(points), dtype=np.int64), np.empty(len(points), dtype=np.float32)
    for start in range(0, len(points), 4_096):
        scores = points[start : start + 4_096] @ centres.T
        best = scores.argmax(axis=1)
        cell[start : start + 4_096], cosine[start : start + 4_096] = best, scores[np.arange(len(best)), best]
    return cell, cosine


def write(centres: np.ndarray, path: pathlib.Path) -> None:
    scale = np.abs(centres).max(axis=1).astype(np.float32) / np.float32(127)
    steps = np.rint(centres / scale[:, None]).astype(np.int8)
    header = MAGIC + struct.pack("<BBxxxII", VERSION, LEVEL, centres.shape[1], centres.shape[0])
    path.write_bytes(header + b"".join(struct.pack("<f", s) + row.tobytes() for s, row in zip(scale, steps)))
    print(f"{path}: {path.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def read(path: pathlib.Path) -> np.ndarray:
    raw = path.read_bytes()
    magic, version, level, dimension, count = struct.unpack_from("<7sBBxxxII", raw)
    if (magic, version, level) != (MAGIC, VERSION, LEVEL):
        raise SystemExit(f"{path} is no codebook that this script understands")
    rows = np.frombuffer(raw[20:], dtype=[("scale", "<f4"), ("steps", "i1", dimension)], count=count)
    centres = rows["steps"].astype(np.float32) * rows["scale"][:, None]
    return centres / np.linalg.norm(centres, axis=1, keepdims=True)


def train(args: argparse.Namespace) -> None:
    texts = corpus.texts(args.texts, SEED)
    points = embed(texts)
    centres = kmeans(points, CELLS, SEED)
    sizes = np.bincount(nearest(points, centres)[0], minlength=CELLS)
    print(f"texts a cell: mean {sizes.mean():.0f}, p99 {np.quantile(sizes, 0.99):.0f}, largest {sizes.max()}")
    write(centres, args.output)


def recall(args: argparse.Namespace) -> None:
    lines = [json.loads(line) for line in args.prompts.read_text().splitlines() if line.strip()]
    domains = np.array([str(line["expert"]) for line in lines])
    points = embed([line["prompt"] for line in lines])
    centres = read(args.codebook)
    draw = np.random.default_rng(SEED)
    shuffled = draw.permutation(len(points))
    known, asked = shuffled[: len(points) // 2], shuffled[len(points) // 2 :]
    names = np.unique(domains)
    pools = [known[domains[known] == name] for name in names]
    experts = []
    for _ in range(args.experts):
        pool = pools[draw.integers(len(pools))]
        experts.append(draw.choice(pool, size=min(8, len(pool)), replace=False))
    cells = [announced(points[expert], centres) for expert in experts]
    hit1 = hit3 = examined = 0
    ratio = 0.0
    for query in asked:
        wanted = set(np.argsort(-(centres @ points[query]))[:LOOKUPS].tolist())
        similar = points @ points[query]
        score = np.array([np.sort(similar[expert])[-3:].mean() for expert in experts])
        found = np.array([bool(wanted & c) for c in cells])
        order = np.argsort(-score, kind="stable")
        # Several experts can tie (they may share their best three exemplars): any of them is the best.
        hit1 += bool((found & (score >= score[order[0]] - 1e-6)).any())
        hit3 += found[order[:3]].mean()
        examined += int(found.sum())
        ratio += score[found].max(initial=0.0) / score[order[0]]
    count = len(asked)
    loads = np.bincount([cell for owned in cells for cell in owned], minlength=len(centres))
    print(f"{args.experts} experts in {len(names)} domains, {count} queries, {LOOKUPS} lookups of {len(centres)} cells")
    print(f"recall@1 {hit1 / count:.3f}, recall@3 {hit3 / count:.3f}, best score found / best there is {ratio / count:.3f}")
    crowd = f"mean {loads[loads > 0].mean():.0f}, largest {loads.max()}"
    print(f"adverts examined {examined / count:.0f}, providers a used cell: {crowd}")


def announced(own: np.ndarray, centres: np.ndarray) -> set[int]:
    """The cells of an expert, as `Codebook::cells_of` chooses them."""
    ranked = np.argsort(-(own @ centres.T), axis=1)[:, :RANKS]
    cells = set(ranked[:, 0].tolist())
    for cell in ranked[:, 1:].T.ravel().tolist():
        if len(cells) < ANNOUNCED:
            cells.add(cell)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train")
    command.add_argument("--texts", type=int, default=50_000)
    command.add_argument("--output", type=pathlib.Path, default=HERE / "codebook.bin")
    command.set_defaults(run=train)
    command = commands.add_parser("recall")
    command.add_argument("--prompts", type=pathlib.Path, required=True)
    command.add_argument("--experts", type=int, default=2_000)
    command.add_argument("--codebook", type=pathlib.Path, default=HERE / "codebook.bin")
    command.set_defaults(run=recall)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
