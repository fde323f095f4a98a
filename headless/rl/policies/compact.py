"""The embedded model as an actor: compact conversations, its own tokenizer, answers by the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from headless.pretraining.export import write_model
from headless.pretraining.train import Batch, embedded
from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Task, read_json
from metaspatial_addon.policy.builtin import policy
from metaspatial_addon.policy.builtin.grammar import AnswerGrammar, grammar_for
from metaspatial_addon.policy.builtin.vision import extract_patches, mrope_positions
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding

from ..data import Prompt
from ..kv_cache import SlotCache

_POSE = ('","yaw":', ',"x":', ',"y":', ',"z":')
_NAMES = {v.category_token(category) for category in v.CATEGORIES}


class CompactPolicy:
    """A Qwen2.5-VL with the vocabulary of `prompts/vocabulary.py`, in float32; all its weights learn."""

    pad = v.PAD
    device = torch.device("cpu")

    def __init__(self, folder: str | Path):
        from transformers import Qwen2_5_VLForConditionalGeneration

        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self.model.eval()  # no dropout, here or when it learns
        taught = Path(folder) / "metaspatial.json"
        self.sees_images = taught.exists() and read_json(taught).get("pictures") is True
        self.folder = folder
        self._reference: CompactPolicy | None = None

    def prompt(self, messages: Conversation) -> Prompt:
        prompt = policy.TokenizedPrompt.of(messages, self.sees_images)
        return Prompt(prompt.ids, prompt.images)

    def choices(self, conversation: Conversation, longest: int) -> AnswerGrammar:
        return grammar_for(conversation)

    def text(self, ids: Sequence[int]) -> str:
        return v.decode([k for k in ids if k != v.END])

    def positions(self, ids: torch.Tensor, pictures: Sequence[bytes]) -> torch.Tensor:
        return torch.from_numpy(mrope_positions(ids.numpy()))

    def hidden(
        self,
        ids: torch.Tensor,
        pictures: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | None = None,
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        patches = torch.from_numpy(extract_patches(pictures))
        return self.model.model.language_model(
            inputs_embeds=embedded(self.model, Batch(ids, torch.empty(0), patches)),
            position_ids=positions,
            past_key_values=cache,
            attention_mask=seen,
            use_cache=cache is not None,
        ).last_hidden_state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.model.lm_head(hidden).float()

    def poses(self, ids: Sequence[int], task: Task) -> list[str | None]:
        ids_of = {name: item_id for item_id, name in CompactEncoding(task).names.items()}
        found: list[str | None] = []
        item, kind = None, ""
        for token in (v.TOKENS[k] for k in ids):
            if token in _NAMES:
                kind = token
            elif token[0] == "_":
                item = ids_of[kind + token]
            found.append(item if token.startswith(_POSE) else None)
        return found

    def budget(self, tokens: int, pixels: int) -> None:
        return None

    @contextmanager
    def reference(self) -> Iterator[CompactPolicy]:
        """A second copy, read from the run's first folder when it is first asked for."""
        if self._reference is None:
            self._reference = CompactPolicy(self.folder)
        yield self._reference

    def save(self, folder: Path, main: bool = True) -> None:
        if main:
            write_model(self.model, folder, self.sees_images)

    def load(self, folder: Path) -> None:
        loaded = type(self.model).from_pretrained(folder, dtype=torch.float32)
        self.model.load_state_dict(loaded.state_dict())
