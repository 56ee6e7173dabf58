"""Quantises bundled experts, for `daemon benchmark audit`: what a cheat would serve in place of the F16 file that it claims.

    models/.build/venv/bin/python models/recipes/quantised.py [ID ...]

Writes models/.build/quantised/ID-q8_0.gguf and ID-q4_0.gguf: every matrix in llama.cpp's block formats of that name, vectors as
they are.
"""

import pathlib
import sys

import gguf
from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType as FileType

MODELS = pathlib.Path(__file__).resolve().parent.parent
OUT = MODELS / ".build" / "quantised"
KINDS = {"q8_0": (Kind.Q8_0, FileType.MOSTLY_Q8_0), "q4_0": (Kind.Q4_0, FileType.MOSTLY_Q4_0)}
BLOCK = 32


def quantise(source: pathlib.Path, target: pathlib.Path, kind: Kind, file_type: FileType) -> None:
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        nested = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], nested)
    writer.add_file_type(file_type)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim == 2 and values.shape[-1] % BLOCK == 0:
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, values.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    experts = sys.argv[1:] or sorted(path.parent.name for path in MODELS.glob("experts/*/card.toml"))
    OUT.mkdir(parents=True, exist_ok=True)
    for expert in experts:
        for name, (kind, file_type) in KINDS.items():
            target = OUT / f"{expert}-{name}.gguf"
            quantise(MODELS / "experts" / expert / f"{expert}.gguf", target, kind, file_type)
            print(f"{target.relative_to(MODELS.parent)}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
