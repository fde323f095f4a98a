"""The embedded model as a trainable policy: compact conversations, its own tokenizer, answers by the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headless.pretraining.examples import free_tokens
from headless.pretraining.export import write_model
from headless.pretraining.train import embedded, picture_tokens
from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import Task
from metaspatial_addon.policy.builtin import policy
from metaspatial_addon.policy.builtin.grammar import AnswerGrammar, grammar_for
from metaspatial_addon.policy.builtin.vision import extract_patches, mrope_positions
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding

from ..data import Grid, PromptTokens
from ..kv_cache import FixedSlots, SlotCache
from . import shared_prompts
from .precise_attention import use_precise_attention
from .shared_prompts import PromptCache

_NAMES = {v.category_token(category) for category in v.CATEGORIES}


class CompactPolicy:
    """A Qwen2.5-VL with the vocabulary of `prompts/vocabulary.py`, in float32; all its weights learn.

    With `free_places` it samples from them alone, and learns log-probabilities that are renormalised over them.
    """

    pad = v.PAD
    device = torch.device("cpu")

    def __init__(self, folder: str | Path, free_places: bool = False):
        from transformers import Qwen2_5_VLForConditionalGeneration

        self.base: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        use_precise_attention(self.base)
        self.base.eval()  # no dropout, here or when it learns
        self.model: torch.nn.Module = self.base
        settings = Path(folder) / "metaspatial.json"
        self.sees_images = settings.exists() and read_json(settings).get("pictures") is True
        self.folder, self.free_places = folder, free_places
        self._reference: CompactPolicy | None = None

    def tokenize(self, messages: Conversation) -> PromptTokens:
        prompt = policy.TokenizedPrompt.of(messages, self.sees_images)
        return PromptTokens(prompt.ids, prompt.images)

    def constraint(self, conversation: Conversation, max_tokens: int) -> AnswerGrammar:
        return grammar_for(conversation, self.free_places)

    def decode(self, ids: Sequence[int]) -> str:
        return v.decode([k for k in ids if k != v.END])

    def encode(self, text: str) -> list[int]:
        return [*v.encode(text), v.END]

    def positions(self, ids: torch.Tensor, grids: Sequence[Grid]) -> torch.Tensor:
        return torch.from_numpy(mrope_positions(ids.numpy()))

    def hidden(
        self,
        ids: torch.Tensor,
        images: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | FixedSlots | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if cache is None and len(ids) > 1:
            return shared_prompts.outputs(self._run_layers, ids, images, positions)
        return self._run_layers(ids, images, positions, cache, attention_mask)

    def _run_layers(
        self,
        ids: torch.Tensor,
        images: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | FixedSlots | PromptCache | None,
        attention_mask: torch.Tensor | None,
    ) -> torch.Tensor:
        patches = torch.from_numpy(extract_patches(images))
        features = picture_tokens(self.base, patches) if len(patches) else None
        return self.base.model.language_model(
            inputs_embeds=embedded(ids, self.base.get_input_embeddings().weight, features),
            position_ids=positions,
            past_key_values=cache,
            attention_mask=attention_mask,
            use_cache=cache is not None,
        ).last_hidden_state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):  # in bfloat16 logits of some 10 would be rounded to sixteenths
            return self.base.lm_head(hidden.float())

    def pose_items(self, ids: Sequence[int], task: Task) -> list[str | None]:
        item_ids = {name: item_id for item_id, name in CompactEncoding(task).names.items()}
        items: list[str | None] = []
        item, kind = None, ""
        pose = free_tokens(np.array(ids, int), names=False)  # the keys that follow from others are no choices
        for token, chosen in zip((v.TOKENS[k] for k in ids), pose, strict=True):
            if token in _NAMES:
                kind = token
            elif token[0] == "_":
                item = item_ids[kind + token]
            items.append(item if chosen else None)
        return items

    def token_budget(self, max_tokens: int, pixels: int) -> None:
        return None

    def merged_adapters(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def reference(self) -> Iterator[CompactPolicy]:
        """A second copy, read from the run's first folder when it is first asked for."""
        if self._reference is None:
            self._reference = CompactPolicy(self.folder, self.free_places)
        yield self._reference

    def save(self, folder: Path, main: bool = True) -> None:
        if main:
            write_model(self.base, folder, self.sees_images)

    def load(self, folder: Path) -> None:
        loaded = type(self.base).from_pretrained(folder, dtype=torch.float32)
        self.model.load_state_dict(loaded.state_dict())
