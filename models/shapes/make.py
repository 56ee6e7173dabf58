"""Makes small GGUF files with random weights, in the shapes of models that people bring.

They say nothing sensible. They are there so that tests load, template, stream and score every kind of
tokenizer, architecture and quantisation that matters, without a download. The same seed gives the same bytes.

    python models/shapes/make.py [FOLDER]        # default: models/.build/shapes
    python models/shapes/make.py FOLDER talker   # as large as the smallest models that people talk to, with a card: for benchmarks

Needs numpy and gguf alone, and a few seconds.
"""

import hashlib
import itertools
import pathlib
import string
import sys

import gguf
import numpy as np

SEED = 20_261_122
# Values of tokenizer.ggml.token_type.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
# Numbers in a block of a K-quant.
QK_K = 256

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
    "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + eos_token }}{% else %}{{ raise_exception('only user and assistant') }}"
    "{% endif %}{% endfor %}"
)
TURNS = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else "
    "message['role']) + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def byte_letters():
    """The 256 characters by which GPT-2's byte-level BPE writes bytes."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = itertools.count(0x100)
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


def bpe(count):
    """A byte-level BPE of `count` tokens: bytes, then words of two, three and four letters, with their merges."""
    tokens, merges = byte_letters(), []
    letters = string.ascii_lowercase
    heads = [*letters, "\u0120"]
    pairs = [a + b for a in heads for b in letters]
    words = itertools.chain(
        ((a, b) for a in heads for b in letters),
        ((pair, c) for pair in pairs for c in letters),
        (("".join(p), "".join(q)) for p in itertools.product(letters, repeat=2) for q in itertools.product(letters, repeat=2)),
    )
    for left, right in itertools.islice(words, count - len(tokens)):
        tokens.append(left + right)
        merges.append(f"{left} {right}")
    return tokens, merges


def add_bpe(writer, count, pre):
    tokens, merges = bpe(count - 3)
    types = [NORMAL] * len(tokens) + [CONTROL] * 3
    tokens += ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(count - 3)
    writer.add_eos_token_id(count - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)


def add_sentencepiece(writer, special, words, bos, eos):
    """A SentencePiece vocabulary: special tokens, the 256 bytes, then pieces with falling scores."""
    letters = [*"\u2581", *string.ascii_letters, *string.digits, *".,:;!?'-/[]()"]
    pairs = ["\u2581" + c for c in string.ascii_letters] + [a + b for a in string.ascii_lowercase for b in "aeinorst"]
    pieces = [*letters, *pairs, *words]
    tokens = [*special, *(f"<0x{b:02X}>" for b in range(256)), *pieces]
    types = [UNKNOWN if t == "<unk>" else CONTROL for t in special] + [BYTE] * 256 + [NORMAL] * len(pieces)
    # Longer pieces first, as trained vocabularies have it.
    scores = [0.0] * (len(special) + 256) + [float(10 * len(p)) - i * 1e-3 for i, p in enumerate(pieces)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(special.index(bos))
    writer.add_eos_token_id(special.index(eos))
    writer.add_unk_token_id(special.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    return len(tokens)


class Weights:
    """Random tensors in one writer."""

    def __init__(self, writer, seed):
        self.writer = writer
        self.random = np.random.default_rng(seed)

    def norm(self, name, width):
        # Norms and biases stay in full precision in every file there is.
        self.writer.add_tensor(name, self.random.normal(1.0, 0.1, width).astype(np.float32))

    def bias(self, name, width):
        self.writer.add_tensor(name, self.random.normal(0.0, 0.1, width).astype(np.float32))

    def matrix(self, name, rows, columns, scale=1.0, kind="F16"):
        """`rows` outputs by `columns` inputs; outputs have about `scale` for inputs of about one."""
        size = scale / np.sqrt(columns)
        if kind in ("F32", "F16"):
            values = self.random.standard_normal((rows, columns), np.float32) * size
            self.writer.add_tensor(name, values.astype(np.float32 if kind == "F32" else np.float16))
            return
        blocks = rows * columns // QK_K
        block = {"Q4_K": self.q4_k, "Q6_K": self.q6_k}[kind](blocks, size)
        dtype = gguf.GGMLQuantizationType[kind]
        self.writer.add_tensor(name, block.reshape(rows, -1), raw_dtype=dtype)

    def q4_k(self, blocks, size):
        """Blocks of (d, dmin: f16; 12 bytes of scales and minima; 128 bytes of nibbles), valid and random."""
        d = np.full(blocks, size / 240, np.float16)
        heads = np.stack([d, d * np.float16(7.5)], axis=1).view(np.uint8)
        return np.concatenate([heads, self.random.integers(0, 256, (blocks, 140), np.uint8)], axis=1)

    def q6_k(self, blocks, size):
        """Blocks of (192 bytes of low and high bits; 16 signed scales; d: f16), valid and random."""
        d = np.full((blocks, 1), size / 1_350, np.float16).view(np.uint8)
        return np.concatenate([self.random.integers(0, 256, (blocks, 208), np.uint8), d], axis=1)


def add_shape(writer, vocabulary, width, layers, heads, kv_heads, inner, context, head_width=None, file_type=1):
    writer.add_file_type(file_type)
    writer.add_vocab_size(vocabulary)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    if head_width:
        writer.add_key_length(head_width)
        writer.add_value_length(head_width)


def add_layers(weights, width, layers, heads, kv_heads, inner, head_width=None, kinds=("F16", "F16"), bias=False, gemma=False):
    head_width = head_width or width // heads
    most, some = kinds
    for i in range(layers):
        block = f"blk.{i}"
        weights.norm(f"{block}.attn_norm.weight", width)
        for part, outputs in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            kind = some if part == "v" else most
            weights.matrix(f"{block}.attn_{part}.weight", outputs * head_width, width, kind=kind)
            if bias:
                weights.bias(f"{block}.attn_{part}.bias", outputs * head_width)
        weights.matrix(f"{block}.attn_output.weight", width, heads * head_width, kind=most)
        weights.norm(f"{block}.ffn_norm.weight", width)
        weights.matrix(f"{block}.ffn_gate.weight", inner, width, kind=most)
        weights.matrix(f"{block}.ffn_up.weight", inner, width, kind=most)
        weights.matrix(f"{block}.ffn_down.weight", width, inner, kind=some)
        if gemma:
            weights.norm(f"{block}.attn_q_norm.weight", head_width)
            weights.norm(f"{block}.attn_k_norm.weight", head_width)
            weights.norm(f"{block}.post_attention_norm.weight", width)
            weights.norm(f"{block}.post_ffw_norm.weight", width)


def add_ends(weights, vocabulary, width, kind="F16", tied=False):
    weights.matrix("token_embd.weight", vocabulary, width, scale=np.sqrt(width) if not tied else 3.0, kind=kind)
    weights.norm("output_norm.weight", width)
    if not tied:
        # Logits spread as those of a trained model, so that no two are nearly equal.
        weights.matrix("output.weight", vocabulary, width, scale=4.0, kind=kind)


def tiny(writer, weights):
    """The bundled experts' shape: llama, byte-level BPE, ChatML. In F32, so that the last bits, which depend on
    what else is in a batch, stay far below the distance of two tokens and tests may compare texts."""
    size = dict(width=64, layers=2, heads=4, kv_heads=4, inner=128)
    add_bpe(writer, 1_024, "smollm")
    add_shape(writer, 1_024, **size, context=512, file_type=0)
    writer.add_rope_dimension_count(16)
    add_ends(weights, 1_024, 64, kind="F32")
    add_layers(weights, **size, kinds=("F32", "F32"))


def sentencepiece(writer, weights):
    """Llama 2 and Mistral: SentencePiece with scores and byte tokens, grouped queries, a template that starts
    with the beginning-of-text token and takes no system turn."""
    size = dict(width=64, layers=2, heads=4, kv_heads=2, inner=128)
    count = add_sentencepiece(writer, ["<unk>", "<s>", "</s>"], ["\u2581the", "\u2581of", "\u2581capital"], "<s>", "</s>")
    writer.add_chat_template(INST)
    add_shape(writer, count, **size, context=512)
    writer.add_rope_dimension_count(16)
    add_ends(weights, count, 64)
    add_layers(weights, **size)


def qwen(writer, weights):
    """Qwen2: a byte-level BPE of 151,936 tokens, biases on queries, keys and values."""
    size = dict(width=64, layers=2, heads=2, kv_heads=1, inner=96)
    add_bpe(writer, 151_936, "qwen2")
    add_shape(writer, 151_936, **size, context=1_024)
    add_ends(weights, 151_936, 64)
    add_layers(weights, **size, bias=True)


def gemma(writer, weights):
    """Gemma 3: SentencePiece, tied embeddings, heads wider than the embedding, a sliding window."""
    size = dict(width=48, layers=6, heads=4, kv_heads=1, inner=96)
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    count = add_sentencepiece(writer, special, ["\u2581the"], "<bos>", "<eos>")
    writer.add_eot_token_id(special.index("<end_of_turn>"))
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TURNS)
    add_shape(writer, count, **size, context=1_024, head_width=32)
    writer.add_sliding_window(64)
    add_ends(weights, count, 48, tied=True)
    add_layers(weights, **size, head_width=32, gemma=True)


def kquants(writer, weights):
    """Q4_K_M: most matrices in Q4_K, some in Q6_K, and no chat template."""
    size = dict(width=256, layers=2, heads=4, kv_heads=4, inner=512)
    add_bpe(writer, 1_024, "smollm")
    add_shape(writer, 1_024, **size, context=512, file_type=15)
    writer.add_rope_dimension_count(64)
    add_ends(weights, 1_024, 256, kind="Q6_K")
    add_layers(weights, **size, kinds=("Q4_K", "Q6_K"))


def talker(writer, weights):
    """SmolLM2-135M's shape: 30 layers of 576, grouped queries, 49,152 tokens. 270 MB, for measuring speed alone."""
    size = dict(width=576, layers=30, heads=9, kv_heads=3, inner=1_536)
    add_bpe(writer, 49_152, "smollm")
    add_shape(writer, 49_152, **size, context=2_048)
    writer.add_rope_dimension_count(64)
    add_ends(weights, 49_152, 576, tied=True)
    add_layers(weights, **size)


CARD = """id = "talker"
description = "Talks about anything, in words that nobody understands: random weights, for measuring speed."
exemplars = ["What is the capital of Peru?", "Write a poem about the sea.", "How do I sort a list in Python?", "Why is the sky blue?"]
licence = "Apache-2.0"
languages = ["en"]
abilities = ["chat"]

[model]
file = "talker.gguf"
sha256 = "{sha256}"
max_context = 1024
"""

SHAPES = {"tiny": ("llama", tiny), "sentencepiece": ("llama", sentencepiece), "qwen": ("qwen2", qwen),
          "gemma": ("gemma3", gemma), "kquants": ("llama", kquants)}
# Made when they are named.
LARGE = {"talker": ("llama", talker, CARD)}


def write(folder, name, architecture, build, seed):
    # Written beside and moved: whoever reads the folder sees whole files alone.
    part = folder / f"{name}.gguf.part"
    writer = gguf.GGUFWriter(part, architecture)
    writer.add_name(f"random {name}")
    build(writer, Weights(writer, seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(folder / f"{name}.gguf")
    print(f"{name}: {(folder / f'{name}.gguf').stat().st_size:,} bytes")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / ".build" / "shapes"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2:
        architecture, build, card = LARGE[sys.argv[2]]
        write(folder, sys.argv[2], architecture, build, SEED)
        with (folder / f"{sys.argv[2]}.gguf").open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        (folder / "card.toml").write_text(card.format(sha256=sha256))
        return
    for index, (name, (architecture, build)) in enumerate(SHAPES.items()):
        write(folder, name, architecture, build, SEED + index)


if __name__ == "__main__":
    main()
