"""Trains the codebook: 8,192 cells of the embedding space, which decide where in the DHT an expert is found.

    python models/encoder/codebook.py [--texts 160000] [--output models/encoder/codebook.bin]

Needs Debian's wordnet-base and takes about ten minutes on one thread: seeded text (corpus.py), the int8 encoder of
models/.build, spherical k-means (Dhillon & Modha 2001). What its cells are worth in a large swarm is measured by
`daemon benchmark lsh`, on text that corpus.py holds out.

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
CELLS = 8_192
SEED = 20_261_126
ITERATIONS = 12  # after that the mean cosine grows by less than 0.001 an iteration
BATCH = 32  # of texts with equally many tokens: none is padded, and each vector is what it would be alone


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
    tokens = [tokenizer.encode(text) for text in texts]
    lengths: dict[int, list[int]] = {}
    for i, ids in enumerate(tokens):
        lengths.setdefault(len(ids), []).append(i)
    out = np.empty((len(texts), 384), dtype=np.float32)
    started, done = time.monotonic(), 0
    for alike in lengths.values():
        for first in range(0, len(alike), BATCH):
            batch = alike[first : first + BATCH]
            ids = np.array([tokens[i] for i in batch])
            out[batch] = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
            if (done + len(batch)) // 10_000 > done // 10_000:
                print(f"embedded {done + len(batch):,} of {len(texts):,} in {time.monotonic() - started:.0f} s", flush=True)
            done += len(batch)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, out)
    return out


def kmeans(points: np.ndarray, cells: int, seed: int) -> np.ndarray:
    """Unit centres that maximise the summed cosine to each point's nearest, from points drawn at random."""
    centres = points[np.random.default_rng(seed).choice(len(points), cells, replace=False)].copy()
    for iteration in range(ITERATIONS):
        cell, cosine = nearest(points, centres)
        order = np.argsort(cell, kind="stable")
        first = np.flatnonzero(np.diff(cell[order], prepend=-1))
        sums = np.zeros_like(centres)
        sums[cell[order][first]] = np.add.reduceat(points[order], first)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=160_000)
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "codebook.bin")
    args = parser.parse_args()
    points = embed(corpus.texts(args.texts, SEED))
    centres = kmeans(points, CELLS, SEED)
    sizes = np.bincount(nearest(points, centres)[0], minlength=CELLS)
    print(f"texts a cell: mean {sizes.mean():.0f}, p99 {np.quantile(sizes, 0.99):.0f}, largest {sizes.max()}")
    write(centres, args.output)


if __name__ == "__main__":
    sys.exit(main())
