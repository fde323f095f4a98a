"""The embedded model: a small Qwen2.5-VL in numpy alone, so that it works in a stock Blender.

Decoding is constrained by the answer's grammar, so that every answer is usable. Log-probabilities are renormalised over
the allowed tokens; forced tokens have log-probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.conversation import Conversation
from ...core.shipped import ASSETS
from ...prompts import vocabulary as v
from ..base import OnProgress, PolicyError, Reply
from .decoder import Decoder, KVCache
from .grammar import AnswerGrammar, grammar_for
from .model_files import read_model_files
from .vision import IMAGE_IDS, IMAGE_PAD_ID, VisionTower, extract_patches, mrope_positions

DEFAULT_MODEL = ASSETS / "models" / "tiny"
DEFAULT_TEMPERATURE = 0.7
MOST_ITEMS = 120
"""Most items to place at once. The model was trained on rooms of up to 60."""
_ROLES = {role: v.TOKEN_IDS[f"<|{role}|>"] for role in ("user", "assistant")}


@dataclass(frozen=True)
class TokenizedPrompt:
    """Token ids of a conversation, with 16 placeholders for each of the images (PNG), in order."""

    ids: tuple[int, ...]
    images: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, conversation: Conversation, sees_images: bool = False) -> TokenizedPrompt:
        """By the chat template: each message after the token of its role, images first; then the assistant's token.

        Raises ValueError for a text that has no tokens in the vocabulary.
        """
        ids: list[int] = []
        images: list[bytes] = []
        for message in conversation:
            shown = message.images if sees_images else ()
            ids += [_ROLES[message.role], *IMAGE_IDS * len(shown), *v.encode(message.text)]
            images += shown
            if message.role == "assistant":
                ids.append(v.END)
        if ids.count(IMAGE_PAD_ID) != IMAGE_IDS.count(IMAGE_PAD_ID) * len(images):
            raise ValueError("its text holds the placeholder of a picture")
        return cls((*ids, _ROLES["assistant"]), tuple(images))


class BuiltinPolicy:
    """Answers compact conversations with the model in `folder` (a transformers folder), at free places or at any.

    It is given images if it was trained with them, as the folder's metaspatial.json says: {"pictures": true}. Its name
    has the first digits of the SHA-256 of its weights. Raises InputError for files that cannot be read, and PolicyError
    for damaged ones and for a model with another vocabulary.
    """

    prompt_format: Literal["full", "compact"] = "compact"

    def __init__(self, folder: str | Path = DEFAULT_MODEL, free_places: bool = True):
        folder = Path(folder)
        self.free_places = free_places
        files = read_model_files(folder)
        self.name = f"builtin-{files.sha256[:8]}"
        self.decoder = Decoder(files.decoder, files.tensors)
        self.sees_images = files.pictures
        self.vision_tower = VisionTower(files.vision, files.tensors)
        if len(self.decoder.embeddings) != len(v.TOKENS):
            raise PolicyError(
                f"The model in {folder.name} has another vocabulary than this version: pick a newer model."
            )

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """See `Policy.answer`. Conversations that are equal share their prefill. `on_progress` is called at each step
        of decoding."""
        temperature = DEFAULT_TEMPERATURE if temperature is None else temperature
        try:
            grammars = [grammar_for(conversation, self.free_places) for conversation in conversations]
            prompts = [TokenizedPrompt.of(conversation, self.sees_images) for conversation in conversations]
        except ValueError as error:
            raise PolicyError(f"The embedded model cannot read this conversation: {error}.") from error
        if not conversations:
            return []
        most = max(len(grammar.room.items) for grammar in grammars)
        if most > MOST_ITEMS:
            raise PolicyError(
                f"The built-in model lays out at most {MOST_ITEMS} items at once, and here are {most}: "
                "select fewer, lock some, or choose a larger model."
            )
        unique = list(dict.fromkeys(prompts))
        outputs, cache = self._prefill(unique, max(grammar.max_tokens for grammar in grammars))
        rows = np.array([unique.index(prompt) for prompt in prompts])
        sampler = _Sampler(self.decoder, grammars, [np.random.default_rng(seed) for seed in seeds], temperature)
        return sampler.decode(outputs[rows], cache.select_rows(rows), on_progress)

    def _prefill(self, prompts: list[TokenizedPrompt], new_tokens: int) -> tuple[np.ndarray, KVCache]:
        """The output after the last token of each prompt (B, H), and a cache with space for so many new tokens."""
        counts = np.array([len(prompt.ids) for prompt in prompts])
        ids = np.full((len(prompts), counts.max()), v.PAD)
        for k, prompt in enumerate(prompts):
            ids[k, : len(prompt.ids)] = prompt.ids
        hidden = self.decoder.embed(ids)
        images = [image for prompt in prompts for image in prompt.images]
        if images:
            hidden[ids == IMAGE_PAD_ID] = self._embed_images(images)
        cache = KVCache(self.decoder.config, len(prompts), int(counts.max()) + new_tokens)
        return self.decoder.forward(hidden, mrope_positions(ids), counts, cache), cache

    def _embed_images(self, images: list[bytes]) -> np.ndarray:
        """The tokens of P images one after the other, (16 P, H). Equal images are encoded once."""
        unique = list(dict.fromkeys(images))
        try:
            patches = extract_patches(unique)
        except ValueError as error:
            raise PolicyError(f"The embedded model cannot see this picture: {error}.") from error
        tokens = self.vision_tower.encode(patches)[[unique.index(image) for image in images]]
        return tokens.reshape(-1, tokens.shape[-1])


class _Sampler:
    """Decodes one answer a row. Tokens that the grammar forces are fed together with the choice before them."""

    def __init__(
        self,
        decoder: Decoder,
        grammars: list[AnswerGrammar],
        generators: list[np.random.Generator],
        temperature: float,
    ):
        self.decoder, self.grammars, self.generators = decoder, grammars, generators
        self.temperature = temperature
        self.ids: list[list[int]] = [[] for _ in grammars]
        self.logprobs: list[list[float]] = [[] for _ in grammars]

    def decode(self, outputs: np.ndarray, cache: KVCache, on_progress: OnProgress | None) -> list[Reply]:
        """`outputs` (B, H) are those after the prompts, which `cache` holds."""
        rows = np.arange(len(self.grammars))
        while len(rows):
            if on_progress is not None:
                on_progress()
            logits = self.decoder.logits(outputs)
            chosen = [self._sample(row, logits[k]) for k, row in enumerate(rows)]
            unfinished = np.array([k for k, row in enumerate(rows) if not self.grammars[row].done], int)
            if len(unfinished) < len(rows):
                rows, cache = rows[unfinished], cache.select_rows(unfinished)
            if len(rows):
                outputs = self._step([chosen[k] for k in unfinished], cache)
        return [
            Reply(v.decode(ids[:-1]), tuple(ids), tuple(logprobs))
            for ids, logprobs in zip(self.ids, self.logprobs, strict=True)
        ]

    def _sample(self, row: int, logits: np.ndarray) -> list[int]:
        """Choose the row's next token, and append it and the forced ones that follow. Returns these tokens."""
        grammar, generator = self.grammars[row], self.generators[row]
        scaled = logits[grammar.allowed_ids].astype(np.float64) / (self.temperature or 1.0)
        shifted = scaled - scaled.max()
        logprobs = shifted - np.log(np.exp(shifted).sum())  # renormalised over the allowed tokens
        if self.temperature == 0:
            choice = int(np.argmax(logprobs))
        else:
            cumulative = np.exp(logprobs).cumsum()
            choice = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], "right"))
            choice = min(choice, len(cumulative) - 1)
        tokens = [int(grammar.allowed_ids[choice])]
        self.logprobs[row].append(float(logprobs[choice]))
        grammar.advance(tokens[0])
        while not grammar.done and len(grammar.allowed_ids) == 1:
            tokens.append(int(grammar.allowed_ids[0]))
            self.logprobs[row].append(0.0)
            grammar.advance(tokens[-1])
        self.ids[row] += tokens
        return tokens

    def _step(self, tokens: list[list[int]], cache: KVCache) -> np.ndarray:
        """One step of decoding: feed each row its tokens. Returns the outputs after the last ones, (B, H)."""
        counts = np.array([len(row) for row in tokens])
        ids = np.full((len(tokens), counts.max()), v.PAD)
        for k, row in enumerate(tokens):
            ids[k, : len(row)] = row
        positions = np.broadcast_to(cache.positions[:, None] + np.arange(ids.shape[1]), (3, *ids.shape))
        return self.decoder.forward(self.decoder.embed(ids), positions, counts, cache)
