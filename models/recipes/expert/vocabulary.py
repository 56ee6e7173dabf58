"""The two tokenisers of the experts: a small byte-level BPE, and plain bytes.

Both are GPT-2 style in GGUF (`tokenizer.ggml.model = gpt2`, `pre = smollm`):
digits stand alone, a leading space belongs to its word. The byte tokeniser is
the same thing with a single inert merge, because llama.cpp insists on a list
of merges and gguf refuses an empty one.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from .merges import learn

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END_OF_TEXT, START, END)

# Enough for the names of one domain, small beside the layers (0.2 M of 2 M weights).
BPE_TOKENS = 1024


def chat(prompt: str) -> str:
    """The ChatML text a prompt becomes, up to where the answer starts."""
    return f"{START}user\n{prompt}{END}\n{START}assistant\n"


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, and the merges that build them."""

    tokens: list[str]
    merges: list[str]

    @staticmethod
    def bytes() -> "Vocabulary":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        nul = "\u0100"  # how byte 0 is written; two of them never meet in a prompt
        return Vocabulary([*SPECIAL, *alphabet, nul + nul], [f"{nul} {nul}"])

    @staticmethod
    def train(texts) -> "Vocabulary":
        """Learns a BPE of `BPE_TOKENS` from texts; the same texts give the same tokens."""
        splitter, words = _splitter(), Counter()
        for text in texts:
            words.update(word for word, _ in splitter.pre_tokenize_str(text))
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        merges = learn(words, BPE_TOKENS - len(SPECIAL) - len(alphabet))
        tokens = [*SPECIAL, *alphabet, *("".join(pair) for pair in merges)]
        return Vocabulary(tokens, [" ".join(pair) for pair in merges])

    @cached_property
    def tokenizer(self) -> Tokenizer:
        ids = {token: index for index, token in enumerate(self.tokens)}
        pairs = [tuple(merge.split(" ")) for merge in self.merges]
        tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs))
        tokenizer.pre_tokenizer = _splitter()
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
        return tokenizer

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def id(self, token: str) -> int:
        return self.tokens.index(token)


def _splitter():
    """The `smollm` rule of llama.cpp: single digits, then GPT-2's pattern."""
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
