"""Writes a model as a plain transformers folder, with a tokenizer that transformers reads by itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from metaspatial_addon.policy.builtin.model_files import CHECKSUM, METADATA, WEIGHTS
from metaspatial_addon.prompts import vocabulary as v

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tokenizer(folder: Path) -> None:
    """The vocabulary as a WordPiece without word boundaries: the longest token first, as `vocabulary.encode`."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: k for k, token in enumerate(v.TOKENS)}
    model = models.WordPiece(
        vocabulary, unk_token="<|pad|>", continuing_subword_prefix="", max_input_chars_per_word=1_000_000
    )
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=[t for t in v.SPECIAL if t not in ("<|pad|>", "<|end|>")],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(folder)


def write_model(model: Any, folder: Path, pictures: bool = False) -> None:
    """Weights, configuration, tokenizer and image settings; `model` is a Qwen2_5_VLForConditionalGeneration.

    `pictures`: it was trained with images, and is to be shown them.
    """
    model.save_pretrained(folder)
    write_tokenizer(folder)
    processor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "min_pixels": 112 * 112,
        "max_pixels": 112 * 112,
        "do_rescale": True,
        "do_normalize": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n", encoding="utf-8")
    write_metadata(folder, pictures)


def write_metadata(folder: Path, pictures: bool) -> None:
    """metaspatial.json, with the checksum of the folder's weights: call it again after these are written anew."""
    metadata = {"pictures": pictures, CHECKSUM: hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()}
    (folder / METADATA).write_text(json.dumps(metadata) + "\n", encoding="utf-8")
