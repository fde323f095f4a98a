"""A pretrained vision-language model as a trainable policy: full conversations by its chat template, free text, LoRA.

Tokens stay as they are: each new message is formatted by the chat template, tokenised by itself and added behind the
tokens that are there.
"""

from __future__ import annotations

import bisect
import io
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers.utils import cached_file

from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.task import Task
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.model_loading import load_model, load_processor
from metaspatial_addon.prompts.png import write_png

from ..config import FAMILIES, LoraConfig
from ..data import Grid, PromptTokens, TokenBudget
from ..kv_cache import FixedSlots, SlotCache
from ..sharding import gathered
from .base import Unconstrained
from .merged_adapters import merged_adapters
from .precise_attention import use_precise_attention

LANGUAGE_LAYERS = r".*\.(language|text)_model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"
"""What LoRA is put on: no embeddings, no output layer, no vision, which servers cannot take as an adapter."""
_EARLIER_ANSWER = "the answer that came before"
_PLACEHOLDER = re.compile(r"(image|video|vision)_(start_|end_)?token_(id|index)")
"""Names of those keys of a model's config that hold ids of tokens that stand for pictures."""
_OBJECT = re.compile(r"\{[^{}]*\}")
_ID = re.compile(r'"id"\s*:\s*"([^"]*)"')
_POSE = re.compile(r'"(?:x|y|z|yaw)"\s*:\s*(-?[\d.eE+-]+)')
_MAX_WINDOW = 16
"""Tokens that are decoded together at most while they end within a character."""


class ChatPolicy:
    """A model of one of FAMILIES in the type that it is stored in, with adapters in float32. Raises PolicyError for
    others."""

    sees_images = True

    def __init__(self, folder: str | Path, lora: LoraConfig):
        self.folder = Path(folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        base: Any = load_model(str(folder), device=str(self.device))
        text, family = base.config.get_text_config(), base.config.model_type
        windows = {*(getattr(text, "layer_types", None) or ())} - {"full_attention"}
        if family not in FAMILIES or windows or getattr(text, "sliding_window", None):
            raise PolicyError(
                f"{folder} is a model of the type {family} whose layers or pictures training does not know: choose one "
                f"of {', '.join(FAMILIES)}, with full attention in all layers."
            )
        use_precise_attention(base)
        base.get_input_embeddings().register_forward_hook(_float32_within_autocast)
        self.processor = load_processor(str(folder))
        tokenizer = self.processor.tokenizer
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        listed = base.generation_config.eos_token_id
        ends = {tokenizer.eos_token_id, *(listed if isinstance(listed, list) else [listed])} - {None}
        self.ends = [tokenizer.eos_token_id, *sorted(ends - {tokenizer.eos_token_id})]
        control = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._control = re.compile("|".join(map(re.escape, control)) or r"(?!)")
        self.placeholder = base.config.image_token_id
        placeholders = {value for name, value in vars(base.config).items() if _PLACEHOLDER.fullmatch(name)}
        placeholders |= {tokenizer.convert_tokens_to_ids(token) for token in self._picture_tokens()}
        known = range(min(len(tokenizer), base.get_output_embeddings().weight.shape[0]))
        self._text_ids = np.array([k for k in known if k not in placeholders])
        self.gradient_checkpointing = lora.gradient_checkpointing
        alpha: Any = lora.alpha  # peft divides it by the rank: it need not be whole
        adapters = peft.LoraConfig(r=lora.rank, lora_alpha=alpha, target_modules=LANGUAGE_LAYERS)
        self.peft: Any = peft.get_peft_model(base, adapters).eval()
        self.model: torch.nn.Module = self.peft
        if lora.gradient_checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False})
        self.base = base

    def tokenize(self, messages: Conversation) -> PromptTokens:
        """A first conversation begins with a system message; later messages follow an answer with its closing token."""
        template = self.processor.apply_chat_template
        formatted = [self._formatted(message) for message in messages]
        if messages[0].role == "system":
            text = template(formatted, add_generation_prompt=True, tokenize=False)
        else:
            before = [self._formatted(Message("user", "…")), self._formatted(Message("assistant", _EARLIER_ANSWER))]
            text = template([*before, *formatted], add_generation_prompt=True, tokenize=False)
            text = text[text.rindex(_EARLIER_ANSWER) + len(_EARLIER_ANSWER) :]
            closing = [*self.processor.tokenizer.convert_ids_to_tokens(self.ends), ""]
            text = text[len(next(end for end in closing if text.startswith(end))) :]
        images = tuple(image for message in messages for image in message.images)
        inputs = self.processor(text=[text], images=[_opened(png) for png in images] or None)
        ids = np.asarray(inputs["input_ids"]).ravel().tolist()
        grids = np.asarray(inputs["image_grid_thw"]).tolist() if "image_grid_thw" in inputs else []
        return PromptTokens(tuple(ids), images, tuple((t, h, w) for t, h, w in grids))

    def _picture_tokens(self) -> set[str]:
        """The special tokens that the processor writes for a picture."""
        tokenizer, blank = self.processor.tokenizer, Message("user", "", (write_png(np.zeros((64, 64, 3), np.uint8)),))
        without = set(tokenizer.convert_ids_to_tokens(self.tokenize((Message("user", ""),)).ids))
        special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        return special & set(tokenizer.convert_ids_to_tokens(self.tokenize((blank,)).ids)) - without

    def constraint(self, conversation: Conversation, max_tokens: int) -> Unconstrained:
        return Unconstrained(self._text_ids, self.ends, max_tokens)

    def decode(self, ids: Sequence[int]) -> str:
        return self.processor.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def encode(self, text: str) -> list[int]:
        return [*self.processor.tokenizer.encode(text, add_special_tokens=False), self.ends[0]]

    def positions(self, ids: torch.Tensor, grids: Sequence[Grid]) -> torch.Tensor:
        if not hasattr(self.base.model, "get_rope_index"):  # one after the other
            return torch.arange(ids.shape[1], device=self.device).expand(3, *ids.shape)
        kinds = (ids == self.placeholder).int()
        image_grid_thw = torch.tensor(grids, device=self.device) if grids else None
        return self.base.model.get_rope_index(ids, kinds, image_grid_thw=image_grid_thw)[0]

    def hidden(
        self,
        ids: torch.Tensor,
        images: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | FixedSlots | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        self.base.train(self.gradient_checkpointing and cache is None)  # it works in training mode alone
        return self.base.model(
            input_ids=ids,
            position_ids=positions if hasattr(self.base.model, "get_rope_index") else positions[0],
            past_key_values=cache,
            attention_mask=attention_mask,
            use_cache=cache is not None,
            **self._image_inputs(images),
        ).last_hidden_state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        device = self.device.type
        if not torch.is_autocast_enabled(device):
            return self.base.get_output_embeddings()(hidden).float()
        with torch.autocast(device, enabled=False):  # in bfloat16 logits of some 10 would be rounded to sixteenths
            return torch.nn.functional.linear(hidden.float(), self.base.get_output_embeddings().weight.float())

    def pose_items(self, ids: Sequence[int], task: Task) -> list[str | None]:
        """By the places of the numbers in the text; a token that shares a character with a number is part of it."""
        text, edges = self._text_and_edges(ids)
        item_ids = {item.id for item in task.items}
        items: list[str | None] = [None] * len(ids)
        for entry in _OBJECT.finditer(text):
            named = _ID.search(entry.group())
            if named is None or named.group(1) not in item_ids:
                continue
            for number in _POSE.finditer(entry.group()):
                start, end = (entry.start() + edge for edge in number.span(1))
                for k in range(bisect.bisect_right(edges, start) - 1, bisect.bisect_left(edges, end)):
                    items[k] = named.group(1)
        return items

    def _text_and_edges(self, ids: Sequence[int]) -> tuple[str, list[int]]:
        """The text of an answer, and where in it each token begins; the end of the text is the last edge.

        Tokens are decoded one by one, and together only where they end within a character: time grows with their
        number, and not with its square.
        """
        pieces: list[str] = []
        edges, decoded, start = [0], 0, 0
        for k in range(1, len(ids) + 1):
            piece = self.decode(ids[start:k])
            edges.append(max(edges[-1], decoded + len(piece)))
            if not piece.endswith("\ufffd") or k - start == _MAX_WINDOW or k == len(ids):
                pieces.append(piece)
                decoded, start = decoded + len(piece), k
        return "".join(pieces), edges

    def token_budget(self, max_tokens: int, pixels: int) -> TokenBudget:
        """What the template adds is measured on conversations with one letter in each message."""
        roles = ("system", "user", "assistant")
        messages = [Message(role, "a") for role in roles]
        lengths = [self._length(messages[:k]) for k in range(4)]
        message_tokens = {role: lengths[k + 1] - lengths[k] - 1 for k, role in enumerate(roles)}
        image = Message("user", "a", (write_png(np.zeros((pixels, pixels, 3), np.uint8)),))
        opening = self._length(messages[:2], opening=True) - lengths[2]
        path = cached_file(str(self.folder), "tokenizer.json", _raise_exceptions_for_missing_entries=False)
        image_tokens = self._length((messages[0], image)) - lengths[2]
        return TokenBudget(max_tokens, path or "", message_tokens, opening, image_tokens)

    def _length(self, messages: Sequence[Message], opening: bool = False) -> int:
        """Tokens of a conversation by the template."""
        if not messages:
            return 0
        formatted = [self._formatted(message) for message in messages]
        text = self.processor.apply_chat_template(formatted, add_generation_prompt=opening, tokenize=False)
        images = [_opened(image) for message in messages for image in message.images]
        return np.asarray(self.processor(text=[text], images=images or None)["input_ids"]).size

    def merged_adapters(self) -> AbstractContextManager[None]:
        """Weights that are stored in fewer digits than the adapters stay as they are."""
        return merged_adapters(self.peft) if self.base.dtype == torch.float32 else nullcontext()

    @contextmanager
    def reference(self) -> Iterator[ChatPolicy]:
        """The model itself without its adapters."""
        with self.peft.disable_adapter():
            yield self

    def save(self, folder: Path, main: bool = True) -> None:
        """The adapter as peft writes it, which peft and vLLM load; its base is named in adapter_config.json."""
        state = {name: gathered(p.detach()) for name, p in self.model.named_parameters() if p.requires_grad}
        if main:
            self.peft.save_pretrained(folder, state_dict=state)

    def load(self, folder: Path) -> None:
        peft.set_peft_model_state_dict(self.peft, load_file(folder / "adapter_model.safetensors", str(self.device)))

    def _formatted(self, message: Message) -> dict[str, Any]:
        """The message as chat templates read it. Control tokens that a text spells out are left out."""
        text = message.text
        while self._control.search(text):  # again, since taking one out can make another
            text = self._control.sub("", text)
        images = [{"type": "image"} for _ in message.images]
        return {"role": message.role, "content": [*images, {"type": "text", "text": text}]}

    def _image_inputs(self, images: Sequence[bytes]) -> dict[str, torch.Tensor]:
        """What the model takes of PNG images beside ids, made when it is needed; nothing without images."""
        if not images:
            return {}
        text = self.processor.apply_chat_template([self._formatted(Message("user", "", tuple(images)))], tokenize=False)
        opened = [_opened(png) for png in images]
        inputs = self.processor(text=[text], images=opened, return_tensors="pt")
        return {
            name: inputs[name].to(self.device, self.base.dtype if name == "pixel_values" else None)
            for name in self.processor.image_processor.model_input_names
            if name in inputs
        }


def merge(base: str | Path, adapter: Path, folder: Path) -> None:
    """Write the model with an adapter merged into it: a plain transformers folder with the base's own other files."""
    model = peft.PeftModel.from_pretrained(load_model(str(base), device="cpu"), str(adapter))
    model.merge_and_unload().save_pretrained(folder)
    config: Any = cached_file(str(base), "config.json")  # that of a hub id is in the cache of downloads
    for path in Path(config).parent.iterdir():
        if path.is_file() and not (folder / path.name).exists() and path.suffix not in (".safetensors", ".bin"):
            shutil.copy(path, folder)


def _float32_within_autocast(module: torch.nn.Module, inputs: Any, embeddings: torch.Tensor) -> torch.Tensor:
    """What the layers of a model stored in bfloat16 add to, in float32 as those of one stored in float32 have it."""
    return embeddings.float() if torch.is_autocast_enabled(embeddings.device.type) else embeddings


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")
