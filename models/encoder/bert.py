"""What every script here needs of a BERT-shaped sentence encoder: weights, WordPiece, and a numpy forward pass.

The forward pass is the reference: plain fp32 numpy, written apart from the ONNX graph of export.py, so that the
golden vectors do not come from the thing that they test. The tokeniser is likewise our own reading of the
`BertNormalizer`, `BertPreTokenizer` and `WordPiece` sections of tokenizer.json, and the golden file carries its
token ids, so that the Rust side is held to them too.
"""

import dataclasses
import json
import math
import pathlib
import struct
import unicodedata

import numpy as np


@dataclasses.dataclass(frozen=True)
class Shape:
    """The numbers of config.json that the arithmetic needs."""

    hidden: int
    layers: int
    heads: int
    epsilon: float

    @property
    def head(self) -> int:
        return self.hidden // self.heads


class Model:
    """A model folder: config.json, model.safetensors, tokenizer.json."""

    def __init__(self, folder: pathlib.Path, layers: int | None = None):
        config = json.loads((folder / "config.json").read_text())
        if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
            raise SystemExit(f"{folder}: only BERT encoders with GELU are supported, this is {config['model_type']}")
        self.shape = Shape(
            config["hidden_size"],
            min(layers or config["num_hidden_layers"], config["num_hidden_layers"]),
            config["num_attention_heads"],
            config["layer_norm_eps"],
        )
        self.weights = read_safetensors(folder / "model.safetensors")
        self.tokenizer = json.loads((folder / "tokenizer.json").read_text())

    def embed(self, ids: list[int], pooling: str = "mean") -> np.ndarray:
        """The unit vector of one tokenised text, fp32 throughout."""
        w, s = self.weights, self.shape
        n = len(ids)
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:n] + w["embeddings.token_type_embeddings.weight"][0]
        x = self._normalise(x, "embeddings.LayerNorm")
        for layer in range(s.layers):
            at = f"encoder.layer.{layer}."
            q, k, v = (
                self._dense(x, f"{at}attention.self.{part}").reshape(n, s.heads, s.head).transpose(1, 0, 2)
                for part in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(s.head)
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed = (scores @ v).transpose(1, 0, 2).reshape(n, s.hidden)
            x = self._normalise(x + self._dense(mixed, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
            inner = self._dense(x, f"{at}intermediate.dense")
            inner = inner * 0.5 * (1.0 + np.vectorize(math.erf, otypes=[np.float32])(inner / math.sqrt(2.0)))
            x = self._normalise(x + self._dense(inner.astype(np.float32), f"{at}output.dense"), f"{at}output.LayerNorm")
        pooled = x[0] if pooling == "cls" else x.mean(axis=0)
        return pooled / np.linalg.norm(pooled)

    def _dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalise(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + self.shape.epsilon)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def read_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The fp32 tensors of a safetensors file (8 bytes of header length, JSON header, raw data)."""
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], dtype="<f4").reshape(entry["shape"])
    return tensors


class WordPiece:
    """The uncased BERT tokeniser (Devlin et al. 2019), from a parsed tokenizer.json."""

    def __init__(self, tokenizer: dict, max_tokens: int):
        self.vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
        self.characters_max: int = tokenizer["model"]["max_input_chars_per_word"]
        self.max_tokens = max_tokens

    def encode(self, text: str) -> list[int]:
        """Token ids with [CLS] and [SEP], cut to max_tokens."""
        unknown = self.vocabulary["[UNK]"]
        ids: list[int] = []
        for word in self._words(text):
            ids.extend(self._pieces(word) or [unknown])
        body = ids[: self.max_tokens - 2]
        return [self.vocabulary["[CLS]"], *body, self.vocabulary["[SEP]"]]

    def _words(self, text: str) -> list[str]:
        out: list[str] = []
        for c in text:
            if c in "\0\ufffd" or (unicodedata.category(c).startswith("C") and c not in "\t\n\r"):
                continue
            if c.isspace():
                out.append(" ")
            elif is_cjk(ord(c)):
                out.append(f" {c} ")
            else:
                out.append(c)
        plain = "".join(c for c in unicodedata.normalize("NFD", "".join(out)) if unicodedata.category(c) != "Mn")
        spaced = "".join(f" {c} " if is_punctuation(c) else c for c in plain.lower())
        return spaced.split()

    def _pieces(self, word: str) -> list[int] | None:
        if len(word) > self.characters_max:
            return None
        ids, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else "##" + word[start:end]
                if piece in self.vocabulary:
                    ids.append(self.vocabulary[piece])
                    start = end
                    break
            else:
                return None
        return ids


def is_cjk(point: int) -> bool:
    """Whether BERT puts this ideograph in a word of its own."""
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
    return any(low <= point <= high for low, high in blocks)


def is_punctuation(c: str) -> bool:
    """BERT's notion: every ASCII symbol, and Unicode's categories P*."""
    point = ord(c)
    ascii_symbol = 33 <= point <= 47 or 58 <= point <= 64 or 91 <= point <= 96 or 123 <= point <= 126
    return ascii_symbol or unicodedata.category(c).startswith("P")
