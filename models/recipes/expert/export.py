"""Writes a trained network as an F16 GGUF that llama.cpp opens."""

from pathlib import Path

import gguf
import numpy as np

from .network import Network
from .vocabulary import END, END_OF_TEXT, SPECIAL, Vocabulary

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_gguf(network: Network, vocabulary: Vocabulary, name: str, description: str, path: Path) -> None:
    """Matrices in F16, norms in F32, tokeniser and chat template in the metadata."""
    shape = network.shape
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(f"polymath-{name}")
    writer.add_description(description)
    writer.add_license("Apache-2.0 OR MIT")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    _write_vocabulary(writer, vocabulary)
    for tensor_name, tensor in _tensors(network):
        array = tensor.detach().numpy()
        writer.add_tensor(tensor_name, np.ascontiguousarray(array, np.float16 if array.ndim > 1 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    kinds = [gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in vocabulary.tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.id(END_OF_TEXT))
    writer.add_eos_token_id(vocabulary.id(END))
    writer.add_pad_token_id(vocabulary.id(END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(network: Network):
    yield "token_embd.weight", network.embedding
    yield "output_norm.weight", network.norm.weight
    for index, block in enumerate(network.blocks):
        q, k, v = block.qkv.chunk(3)
        gate, up = block.gate_up.chunk(2)
        parts = {
            "attn_norm": block.attention_norm.weight,
            "attn_q": q,
            "attn_k": k,
            "attn_v": v,
            "attn_output": block.out,
            "ffn_norm": block.feed_norm.weight,
            "ffn_gate": gate,
            "ffn_up": up,
            "ffn_down": block.down,
        }
        for part, tensor in parts.items():
            yield f"blk.{index}.{part}.weight", tensor
