"""The embedded model: a small Qwen2.5-VL run by numpy alone, so that it works in a stock Blender.

Sampling follows the answer's grammar, so that every answer is usable; log-probabilities are those of the
tokens among the allowed ones, and forced tokens have log-probability 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.conversation import Conversation
from ...core.task import read_json
from ...prompts import vocabulary as v
from ..base import OnProgress, PolicyError, Reply
from .decoder import Cache, Decoder, DecoderConfig
from .grammar import AnswerGrammar, grammar_for
from .safetensors import read_safetensors
from .vision import PICTURE_IDS, PLACEHOLDER, VisionTower, read_patches, token_positions

DEFAULT_MODEL = Path(__file__).resolve().parents[3] / "assets" / "models" / "tiny"
DEFAULT_TEMPERATURE = 0.7
MOST_ITEMS = 48
"""Items that it is asked to place at once. It was taught rooms of up to 16, and gets worse beyond."""
_ROLES = {role: v.TOKEN_IDS[f"<|{role}|>"] for role in ("user", "assistant")}


@dataclass(frozen=True)
class Prompt:
    """What the model reads: token ids with 16 placeholders for each of the pictures (PNG), in order."""

    ids: tuple[int, ...]
    pictures: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, conversation: Conversation, sees_images: bool = False) -> Prompt:
        """Every message behind the token of its role, pictures first, and the assistant's to begin with.

        Raises ValueError for a text that the model has no tokens for.
        """
        ids: list[int] = []
        pictures: list[bytes] = []
        for message in conversation:
            images = message.images if sees_images else ()
            ids += [_ROLES[message.role], *PICTURE_IDS * len(images), *v.encode(message.text)]
            pictures += images
            if message.role == "assistant":
                ids.append(v.END)
        if ids.count(PLACEHOLDER) != PICTURE_IDS.count(PLACEHOLDER) * len(pictures):
            raise ValueError("its text holds the placeholder of a picture")
        return cls((*ids, _ROLES["assistant"]), tuple(pictures))


class BuiltinPolicy:
    """Answers compact conversations with the model in `folder` (a transformers folder).

    It sees pictures if it was taught with them, as the folder's metaspatial.json says: {"pictures": true}. Its name
    tells which weights answer, by the first digits of their SHA-256.
    """

    rendering = "compact"

    def __init__(self, folder: str | Path = DEFAULT_MODEL):
        folder = Path(folder)
        config = read_json(folder / "config.json")
        weights = folder / "model.safetensors"
        tensors = read_safetensors(weights)
        self.name = f"builtin-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}"
        self.decoder = Decoder(DecoderConfig.of(config["text_config"]), tensors)
        taught = folder / "metaspatial.json"
        self.sees_images = taught.exists() and read_json(taught).get("pictures") is True
        self.tower = VisionTower(config["vision_config"], tensors)
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
        """See `Policy.answer`. A conversation that is asked several times is read once."""
        heat = DEFAULT_TEMPERATURE if temperature is None else temperature
        try:
            grammars = [grammar_for(conversation) for conversation in conversations]
            prompts = [Prompt.of(conversation, self.sees_images) for conversation in conversations]
        except ValueError as error:
            raise PolicyError(f"The embedded model cannot read this conversation: {error}.") from error
        if not conversations:
            return []
        most = max(len(grammar.asked.sizes) for grammar in grammars)
        if most > MOST_ITEMS:
            raise PolicyError(
                f"The built-in model lays out at most {MOST_ITEMS} items at once, and here are {most}: "
                "select fewer, lock some, or choose a larger model."
            )
        unique = list(dict.fromkeys(prompts))
        outputs, cache = self._read(unique, max(grammar_length(g) for g in grammars))
        rows = np.array([unique.index(prompt) for prompt in prompts])
        writer = _Writer(self.decoder, grammars, [np.random.default_rng(seed) for seed in seeds], heat)
        return writer.write(outputs[rows], cache.repeated(rows), on_progress)

    def _read(self, prompts: list[Prompt], room: int) -> tuple[np.ndarray, Cache]:
        """Prefill: the output after the last token of each prompt (B, H), and a cache with `room` tokens to spare."""
        counts = np.array([len(prompt.ids) for prompt in prompts])
        ids = np.full((len(prompts), counts.max()), v.PAD)
        for k, prompt in enumerate(prompts):
            ids[k, : len(prompt.ids)] = prompt.ids
        hidden = self.decoder.embed(ids)
        pictures = [picture for prompt in prompts for picture in prompt.pictures]
        if pictures:
            hidden[ids == PLACEHOLDER] = self._see(pictures)
        cache = Cache(self.decoder.config, len(prompts), int(counts.max()) + room)
        return self.decoder.run(hidden, token_positions(ids), counts, cache), cache

    def _see(self, pictures: list[bytes]) -> np.ndarray:
        """The pictures' tokens one after the other, (16 P, H). A picture that comes several times is read once."""
        unique = list(dict.fromkeys(pictures))
        try:
            patches = read_patches(unique)
        except ValueError as error:
            raise PolicyError(f"The embedded model cannot see this picture: {error}.") from error
        tokens = self.tower.tokens(patches)[[unique.index(picture) for picture in pictures]]
        return tokens.reshape(-1, tokens.shape[-1])


def grammar_length(grammar: AnswerGrammar) -> int:
    """Tokens of the longest answer that the grammar lets through."""
    return 9 * len(grammar.asked.sizes) + 3


class _Writer:
    """Samples one answer a row; tokens that the grammar forces are fed together with the next free choice."""

    def __init__(self, decoder: Decoder, grammars: list[AnswerGrammar], generators: list, temperature: float):
        self.decoder, self.grammars, self.generators = decoder, grammars, generators
        self.temperature = temperature
        self.ids: list[list[int]] = [[] for _ in grammars]
        self.logprobs: list[list[float]] = [[] for _ in grammars]

    def write(self, outputs: np.ndarray, cache: Cache, on_progress: OnProgress | None = None) -> list[Reply]:
        """`outputs` (B, H) after the prompts that fill `cache`."""
        rows = np.arange(len(self.grammars))
        while len(rows):
            if on_progress is not None:
                on_progress()
            logits = self.decoder.logits(outputs)
            fed = [self._advance(row, logits[k]) for k, row in enumerate(rows)]
            going = np.array([k for k, row in enumerate(rows) if not self.grammars[row].done], int)
            if len(going) < len(rows):
                rows, cache = rows[going], cache.repeated(going)
            if len(rows):
                outputs = self._feed([fed[k] for k in going], cache)
        return [
            Reply(v.decode(ids[:-1]), tuple(ids), tuple(logprobs))
            for ids, logprobs in zip(self.ids, self.logprobs, strict=True)
        ]

    def _advance(self, row: int, logits: np.ndarray) -> list[int]:
        """Choose the row's next token and take the forced ones after it; returns what is to be fed."""
        grammar = self.grammars[row]
        token, logprob = self._choose(logits[grammar.allowed_ids], row)
        fed = [int(grammar.allowed_ids[token])]
        self.logprobs[row].append(logprob)
        grammar.advance(fed[0])
        while not grammar.done and len(grammar.allowed_ids) == 1:
            fed.append(int(grammar.allowed_ids[0]))
            self.logprobs[row].append(0.0)
            grammar.advance(fed[-1])
        self.ids[row] += fed
        return fed

    def _choose(self, logits: np.ndarray, row: int) -> tuple[int, float]:
        """Index among the allowed tokens and its log-probability, renormalised over them."""
        scaled = logits.astype(np.float64) / (self.temperature or 1.0)
        shifted = scaled - scaled.max()
        logprobs = shifted - np.log(np.exp(shifted).sum())
        if self.temperature == 0:
            chosen = int(np.argmax(logprobs))
        else:
            edges = np.exp(logprobs).cumsum()
            drawn = self.generators[row].random() * edges[-1]
            chosen = min(int(np.searchsorted(edges, drawn, "right")), len(edges) - 1)
        return chosen, float(logprobs[chosen])

    def _feed(self, fed: list[list[int]], cache: Cache) -> np.ndarray:
        counts = np.array([len(tokens) for tokens in fed])
        ids = np.full((len(fed), counts.max()), v.PAD)
        for k, tokens in enumerate(fed):
            ids[k, : len(tokens)] = tokens
        positions = np.broadcast_to(cache.positions[:, None] + np.arange(ids.shape[1]), (3, *ids.shape))
        return self.decoder.run(self.decoder.embed(ids), positions, counts, cache)
