"""A pretrained vision-language model as an actor: the full conversation, its own chat template, free text; LoRA learns.

What was said stays as it was: each new message is put into words by the chat template, tokenised by itself and added
behind the tokens that are there.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from metaspatial_addon.policy.local import load_model, load_processor
from metaspatial_addon.prompts.png import write_png

from ..budget import Budget
from ..config import LoraConfig
from ..data import Prompt
from ..kv_cache import SlotCache
from ..sharding import gathered

LANGUAGE_LAYERS = r".*\.language_model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"
"""What LoRA is put on: no embeddings, no output layer, no vision, which servers cannot take as an adapter."""
_SAID = "the answer that came before"
_OBJECT = re.compile(r"\{[^{}]*\}")
_ID = re.compile(r'"id"\s*:\s*"([^"]*)"')
_POSE = re.compile(r'"(?:x|y|z|yaw)"\s*:\s*(-?[\d.eE+-]+)')


class Unconstrained:
    """Any token but the placeholders of pictures, until one that closes; the last of `longest` must."""

    def __init__(self, tokens: np.ndarray, ends: Sequence[int], longest: int):
        self.allowed_ids, self.done = tokens if longest > 1 else np.array(ends[:1]), False
        self._ends, self._left = ends, longest

    def advance(self, token: int) -> None:
        self._left -= 1
        self.done = token in self._ends
        if self._left == 1:
            self.allowed_ids = np.array(self._ends[:1])


class ChatPolicy:
    """A Qwen2.5-VL or Qwen3-VL in the type that it is stored in, with adapters in float32."""

    def __init__(self, folder: str | Path, lora: LoraConfig):
        self.folder = Path(folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        base: Any = load_model(str(folder), device=str(self.device))
        self.processor = load_processor(str(folder))
        tokenizer = self.processor.tokenizer
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        listed = base.generation_config.eos_token_id
        ends = {tokenizer.eos_token_id, *(listed if isinstance(listed, list) else [listed])} - {None}
        self.ends = [tokenizer.eos_token_id, *sorted(ends - {tokenizer.eos_token_id})]
        config = base.config
        self.placeholder = config.image_token_id
        kept_out = {
            config.image_token_id,
            config.video_token_id,
            config.vision_start_token_id,
            config.vision_end_token_id,
        }
        known = range(min(len(tokenizer), base.get_output_embeddings().weight.shape[0]))
        self._sayable = np.array([k for k in known if k not in kept_out])
        control = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._control = re.compile("|".join(map(re.escape, control)) or r"(?!)")
        self.recompute = lora.gradient_checkpointing
        adapters = peft.LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=LANGUAGE_LAYERS)
        self.model = peft.get_peft_model(base, adapters).eval()
        if lora.gradient_checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False})
        self.base = base

    def prompt(self, messages: Conversation) -> Prompt:
        """A first conversation opens with a system message; later messages follow an answer that closed itself."""
        template = self.processor.apply_chat_template
        told = [self._worded(message) for message in messages]
        if messages[0].role == "system":
            text = template(told, add_generation_prompt=True, tokenize=False)
        else:
            before = [self._worded(Message("user", "…")), self._worded(Message("assistant", _SAID))]
            text = template([*before, *told], add_generation_prompt=True, tokenize=False)
            text = text[text.rindex(_SAID) + len(_SAID) :]
            closed = next(end for end in self._end_words() if text.startswith(end))
            text = text[len(closed) :]
        pictures = tuple(picture for message in messages for picture in message.images)
        read = self.processor(text=[text], images=[_opened(p) for p in pictures] or None)
        ids = tuple(np.asarray(read["input_ids"]).ravel().tolist())
        return Prompt(ids, pictures)

    def choices(self, conversation: Conversation, longest: int) -> Unconstrained:
        return Unconstrained(self._sayable, self.ends, longest)

    def text(self, ids: Sequence[int]) -> str:
        return self.processor.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def positions(self, ids: torch.Tensor, pictures: Sequence[bytes]) -> torch.Tensor:
        grids = self._seen(pictures)["image_grid_thw"] if pictures else None
        kinds = (ids == self.placeholder).int()
        return self.base.model.get_rope_index(ids, kinds, image_grid_thw=grids)[0]

    def hidden(
        self,
        ids: torch.Tensor,
        pictures: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | None = None,
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        self.base.train(self.recompute and cache is None)  # activations are computed again in training mode alone
        looked = self._seen(pictures) if pictures else {}
        return self.base.model(
            input_ids=ids,
            position_ids=positions,
            past_key_values=cache,
            attention_mask=seen,
            use_cache=cache is not None,
            **looked,
        ).last_hidden_state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.base.lm_head(hidden).float()

    def poses(self, ids: Sequence[int], task: Task) -> list[str | None]:
        """By the places of the numbers in the text; a token that shares a letter with a number counts to it."""
        edges = [len(self.text(ids[:k])) for k in range(len(ids) + 1)]
        text, known = self.text(ids), {item.id for item in task.items}
        found: list[str | None] = [None] * len(ids)
        for entry in _OBJECT.finditer(text):
            named = _ID.search(entry.group())
            if named is None or named.group(1) not in known:
                continue
            for number in _POSE.finditer(entry.group()):
                start, end = (entry.start() + edge for edge in number.span(1))
                for k in range(len(ids)):
                    if edges[k] < end and edges[k + 1] > start:
                        found[k] = named.group(1)
        return found

    def budget(self, tokens: int, pixels: int) -> Budget:
        """What the template adds is told by conversations with one letter in each message."""
        roles = ("system", "user", "assistant")
        messages = [Message(role, "a") for role in roles]
        lengths = [self._length(messages[:k]) for k in range(4)]
        frames = {role: lengths[k + 1] - lengths[k] - 1 for k, role in enumerate(roles)}
        picture = Message("user", "a", (write_png(np.zeros((pixels, pixels, 3), np.uint8)),))
        opening = self._length(messages[:2], opening=True) - lengths[2]
        path = cached_file(str(self.folder), "tokenizer.json", _raise_exceptions_for_missing_entries=False)
        return Budget(tokens, path or "", frames, opening, self._length((messages[0], picture)) - lengths[2])

    def _length(self, messages: Sequence[Message], opening: bool = False) -> int:
        """Tokens of a conversation by the template."""
        if not messages:
            return 0
        told = [self._worded(message) for message in messages]
        text = self.processor.apply_chat_template(told, add_generation_prompt=opening, tokenize=False)
        pictures = [_opened(picture) for message in messages for picture in message.images]
        return np.asarray(self.processor(text=[text], images=pictures or None)["input_ids"]).size

    @contextmanager
    def reference(self) -> Iterator[ChatPolicy]:
        """The model itself without its adapters."""
        with self.model.disable_adapter():
            yield self

    def save(self, folder: Path, main: bool = True) -> None:
        """The adapter as peft writes it, which peft and vLLM load; its base is named in adapter_config.json."""
        state = {name: gathered(p.detach()) for name, p in self.model.named_parameters() if p.requires_grad}
        if main:
            self.model.save_pretrained(folder, state_dict=state)

    def load(self, folder: Path) -> None:
        peft.set_peft_model_state_dict(self.model, load_file(folder / "adapter_model.safetensors", str(self.device)))

    def _worded(self, message: Message) -> dict[str, Any]:
        """The message as chat templates want it. Control tokens that a text spells out are left out."""
        text = message.text
        while self._control.search(text):  # again, since taking one out can make another
            text = self._control.sub("", text)
        images = [{"type": "image"} for _ in message.images]
        return {"role": message.role, "content": [*images, {"type": "text", "text": text}]}

    def _end_words(self) -> list[str]:
        return [*self.processor.tokenizer.convert_ids_to_tokens(self.ends), ""]

    def _seen(self, pictures: Sequence[bytes]) -> dict[str, torch.Tensor]:
        """`pixel_values` and `image_grid_thw` of pictures, built when they are needed."""
        read = self.processor.image_processor(images=[_opened(p) for p in pictures], return_tensors="pt")
        return {
            "pixel_values": read["pixel_values"].to(self.device, self.base.dtype),
            "image_grid_thw": read["image_grid_thw"].to(self.device),
        }


def merge(base: str | Path, adapter: Path, folder: Path) -> None:
    """Write the model with an adapter worked in, as a plain transformers folder with the base's own other files."""
    model = peft.PeftModel.from_pretrained(load_model(str(base), device="cpu"), str(adapter))
    model.merge_and_unload().save_pretrained(folder)
    for path in Path(base).iterdir():
        if path.is_file() and not (folder / path.name).exists() and path.suffix not in (".safetensors", ".bin"):
            shutil.copy(path, folder)


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")
