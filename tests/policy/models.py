"""Small vision-language models with random weights, in folders laid out as the published ones are."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IDEFICS_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
QWEN_TOKENS += ("<|image_pad|>", "<|video_pad|>")
IDEFICS_TOKENS = ("<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>")
IDEFICS_TOKENS += ("<global-img>", *(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)))

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    # Weights large enough that the likeliest token stands clear of the others and the picture is felt.
    "initializer_range": 0.3,
}


def build(kind: str, folder: Path) -> Path:
    """A model of that kind, one of BUILDERS, in `folder`, which is returned."""
    torch.manual_seed(7)
    BUILDERS[kind](kind, folder)
    return folder


def _tokenizer(tokens: tuple[str, ...], end: str) -> PreTrainedTokenizerFast:
    """Bytes and the special tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: k for k, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token="<|endoftext|>")
    fast.add_special_tokens({"additional_special_tokens": list(tokens)})
    return fast


def _qwen(kind: str, folder: Path) -> None:
    name = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL"}[kind]
    tokenizer = _tokenizer(QWEN_TOKENS, "<|im_end|>")
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_TOKENS}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    text = {**TEXT, "vocab_size": len(tokenizer), "rope_parameters": rope, "tie_word_embeddings": True}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "initializer_range": 0.3}
    vision |= {"out_hidden_size": 32, "spatial_merge_size": 2, "temporal_patch_size": 2}
    if kind == "qwen2_vl":
        patch = 14
        vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 2, "patch_size": patch}
    elif kind == "qwen2_5_vl":
        patch = 14
        vision |= {"patch_size": patch, "window_size": 56, "fullatt_block_indexes": [1]}
    else:
        patch = 16
        vision |= {"patch_size": patch, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
        rope |= {"mrope_interleaved": True}
        text |= {"head_dim": 8}
    config = getattr(transformers, f"{name}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    # What Qwen's own files ask for: a penalty and cut-offs that a faithful sampler has to leave aside.
    model.generation_config = transformers.GenerationConfig(
        do_sample=True,
        top_k=1,
        repetition_penalty=1.5,
        temperature=1e-6,
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        pad_token_id=ids["<|endoftext|>"],
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": f"{name}Processor"}
    images |= {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    images |= {"size": {"shortest_edge": 784, "longest_edge": 40000}}
    _write(folder / "preprocessor_config.json", images)
    _write(folder / "chat_template.json", {"chat_template": QWEN_TEMPLATE})


def _idefics(kind: str, folder: Path) -> None:
    name = {"smolvlm": "SmolVLM", "idefics3": "Idefics3"}[kind]
    tokenizer = _tokenizer(IDEFICS_TOKENS, "<end_of_utterance>")
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in IDEFICS_TOKENS}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8, "initializer_range": 0.3}
    text = {**TEXT, "model_type": "llama", "vocab_size": len(tokenizer), "pad_token_id": ids["<|endoftext|>"]}
    text |= {"bos_token_id": ids["<|im_start|>"], "eos_token_id": ids["<end_of_utterance>"]}
    config = getattr(transformers, f"{name}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<image>"],
        scale_factor=2,
        pad_token_id=ids["<|endoftext|>"],
    )
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    model.generation_config = transformers.GenerationConfig(
        do_sample=True,
        bos_token_id=ids["<|im_start|>"],
        eos_token_id=ids["<end_of_utterance>"],
        pad_token_id=ids["<|endoftext|>"],
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = {"image_processor_type": f"{name}ImageProcessor", "do_image_splitting": True}
    images |= {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
    _write(folder / "preprocessor_config.json", images)
    # (32 / 8) ** 2 patches, joined two by two.
    _write(folder / "processor_config.json", {"image_seq_len": 4, "processor_class": f"{name}Processor"})
    _write(folder / "chat_template.json", {"chat_template": IDEFICS_TEMPLATE})


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _internvl(kind: str, folder: Path) -> None:
    tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<IMG_CONTEXT>", "<img>", "</img>", "<video>")
    tokenizer = _tokenizer(tokens, "<|im_end|>")
    names = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": [32, 32], "patch_size": [8, 8], "initializer_range": 0.3}
    text = {**TEXT, "model_type": "qwen2", "vocab_size": len(tokenizer)}
    context = tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")
    config = transformers.InternVLConfig(
        text_config=text, vision_config=vision, image_token_id=context, image_seq_length=4
    )
    _save(transformers.InternVLForConditionalGeneration(config), tokenizer, folder)
    tokenizer_config = json.loads((folder / "tokenizer_config.json").read_text())
    extra = {"extra_special_tokens": {**names, "video_token": "<video>"}}
    _write(folder / "tokenizer_config.json", tokenizer_config | extra)
    images = {"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 32, "width": 32}}
    images |= {"crop_to_patches": True, "min_patches": 1, "max_patches": 4}
    _write(folder / "preprocessor_config.json", images)
    # (32 / 8) ** 2 patches, joined two by two.
    _write(folder / "processor_config.json", {"image_seq_length": 4, "processor_class": "InternVLProcessor"})
    template = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n")
    _write(folder / "chat_template.json", {"chat_template": template})


def _llava(kind: str, folder: Path) -> None:
    tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
    tokenizer = _tokenizer(tokens, "<|im_end|>")
    vision = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    vision |= {"num_attention_heads": 2, "image_size": 32, "patch_size": 8, "initializer_range": 0.3}
    text = {**TEXT, "model_type": "llama", "vocab_size": len(tokenizer)}
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = transformers.LlavaConfig(text_config=text, vision_config=vision, image_token_id=image)
    _save(transformers.LlavaForConditionalGeneration(config), tokenizer, folder)
    images = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}}
    images |= {"crop_size": {"height": 32, "width": 32}}
    _write(folder / "preprocessor_config.json", images)
    processor = {"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    _write(folder / "processor_config.json", {"processor_class": "LlavaProcessor", **processor})
    template = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<image>\n")
    _write(folder / "chat_template.json", {"chat_template": template})


def _save(model: transformers.PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.generation_config = transformers.GenerationConfig(eos_token_id=tokenizer.eos_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


BUILDERS = {
    "qwen2_vl": _qwen,
    "qwen2_5_vl": _qwen,
    "qwen3_vl": _qwen,
    "smolvlm": _idefics,
    "idefics3": _idefics,
    "internvl": _internvl,
    "llava": _llava,
}
"""What builds a model, by its type."""
