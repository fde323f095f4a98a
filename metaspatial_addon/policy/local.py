"""A vision-language model on this computer: any image-text-to-text model of transformers, with or without an adapter.

torch and transformers are imported when a model is loaded, so that this module can be imported in a stock Blender.
Sampling runs inside `model.generate`, which knows every model's positions and cache; the next token is chosen here.
"""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from ..core.conversation import Conversation, Message
from ..core.files import own_name
from .base import DEFAULT_MAX_TOKENS, OnProgress, PolicyError, Reply, cut_off_note
from .model_loading import first_line, load_model, load_processor

PACKAGES = '"torch==2.13.0" "transformers>=5.23,<5.24" "peft>=0.21.2,<0.22" "pillow>=11"'
DEFAULT_TEMPERATURE = 0.7


class LocalPolicy:
    """An `AutoModelForImageTextToText` in this process.

    `model` is a folder or a hub id, `adapter` a folder or hub id of a peft adapter, `device` a torch device (the GPU
    where there is one by default). Weights keep the type that they are stored in. At most `batch_size` conversations
    run at once. The temperature is 0.7 by default; at 0 the likeliest token is taken. Raises PolicyError when the
    model cannot be loaded.

    Log-probabilities are those of the distribution sampled from: at the temperature (at 1 when greedy), without the
    placeholder tokens of images and videos, which are never sampled.
    """

    prompt_format: Literal["full", "compact"] = "full"
    sees_images = True

    def __init__(
        self,
        model: str | Path,
        *,
        adapter: str | Path | None = None,
        device: str | None = None,
        max_new_tokens: int = DEFAULT_MAX_TOKENS,
        batch_size: int = 8,
    ):
        self.name = f"local:{own_name(model)}" + (f"+{own_name(adapter)}" if adapter else "")
        self.max_new_tokens, self.batch_size = max_new_tokens, batch_size
        with _explained(f"The model {model} cannot be loaded", "Check that its folder or hub name is complete."):
            for package in ("torch", "transformers", "PIL"):  # without one, the others fail later and less clearly
                importlib.import_module(package)
            for folder in (model, *([adapter] if adapter else [])):
                if Path(folder).is_absolute() and not Path(folder).is_dir():
                    raise PolicyError(f"There is no folder {folder}. Check its name, or enter a model's hub name.")
            self.processor = load_processor(str(model))
            self.model = load_model(str(model), adapter=adapter, device=device)
        self.tokenizer = self.processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.end_ids = _end_ids(self.model, self.tokenizer)
        self.placeholder_ids = _placeholder_ids(self.model, self.processor) - self.end_ids
        control = [token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        self._control_tokens = re.compile("|".join(map(re.escape, control)) or r"(?!)")

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """See `Policy.answer`. `on_progress` is called after each layer of the model, for each token.

        A conversation's reply depends on its own seed alone, whatever it is batched with, as far as the last digits of
        the model's arithmetic allow.
        """
        temperature = DEFAULT_TEMPERATURE if temperature is None else float(temperature)
        if temperature < 0:
            raise PolicyError(f"The temperature must not be negative, and it is {temperature:g}.")
        jobs = list(zip(conversations, seeds, strict=True))
        replies: list[Reply] = []
        with (
            _explained("The model could not answer", "Try again with fewer turns, or with another model."),
            _after_each_layer(self.model, on_progress),
        ):
            for start in range(0, len(jobs), self.batch_size):
                batch = jobs[start : start + self.batch_size]
                inputs = self.inputs([conversation for conversation, _ in batch])
                replies += self.sample(inputs, [seed for _, seed in batch], temperature)
        return replies

    def inputs(self, conversations: Sequence[Conversation]) -> Any:
        """The processor's tensors for a batch, padded on the left, on the model's device: `input_ids` (B, T), ….

        Raises PolicyError when a conversation is too long or an image did not get its tokens.
        """
        from PIL import Image

        rows, counts = [], []
        for conversation in conversations:
            images = [
                [Image.open(io.BytesIO(png)).convert("RGB") for png in message.images] for message in conversation
            ]
            rows.append([self._chat_message(*pair) for pair in zip(conversation, images, strict=True)])
            counts.append(sum(map(len, images)))
        inputs = self.processor.apply_chat_template(
            rows,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
        self._check_image_tokens(inputs, counts)
        longest = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if longest and inputs["input_ids"].shape[1] >= longest:
            raise PolicyError(
                f"The conversation has {inputs['input_ids'].shape[1]} tokens, and the model reads {longest}. "
                "Use fewer turns, fewer items or smaller pictures."
            )
        return inputs.to(self.model.device, dtype=self.model.dtype)

    def sample(self, inputs: Any, seeds: Sequence[int], temperature: float) -> list[Reply]:
        """Replies to the tensors of `inputs` (B rows), one seed a row."""
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        # Every sampling rule is off, those that the model's own files ask for included: the sampler decides alone.
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=self.max_new_tokens,
            eos_token_id=sorted(self.end_ids) or None,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        sampler = _Sampler(seeds, temperature, self.placeholder_ids, self.max_new_tokens, self.model.device)
        with torch.inference_mode():
            self.model.generate(
                **inputs,
                generation_config=config,
                logits_processor=LogitsProcessorList([sampler]),
            )
        return [self._reply(ids, logprobs) for ids, logprobs in zip(*sampler.rows(), strict=True)]

    def _chat_message(self, message: Message, images: list[Any]) -> dict[str, Any]:
        """The message as chat templates expect it. Control tokens that a text spells out ("<image>") are removed."""
        text = message.text
        while self._control_tokens.search(text):  # again, since removing one can make another
            text = self._control_tokens.sub("", text)
        content = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": text}]
        return {"role": message.role, "content": content}

    def _check_image_tokens(self, inputs: Any, counts: Sequence[int]) -> None:
        """Check that each row has as many image tokens as its images have features; `counts` are images a row."""
        tokens = (inputs["input_ids"] == _image_token_id(self.model.config)).sum(dim=1).tolist()
        if "image_grid_thw" in inputs:
            merged = self.processor.image_processor.merge_size**2
            features = iter((inputs["image_grid_thw"].prod(dim=1) // merged).tolist())
            expected = [sum(next(features) for _ in range(count)) for count in counts]
        elif "pixel_attention_mask" in inputs and hasattr(self.processor, "image_seq_len"):
            tiles = inputs["pixel_attention_mask"].flatten(2).any(dim=2).sum(dim=1)  # a tile of padding is all zero
            expected = (tiles * self.processor.image_seq_len).tolist()
        else:  # no rule holds for all models: at least one token an image, and none without images
            expected = [max(have, count) if count else 0 for have, count in zip(tokens, counts, strict=True)]
        if tokens != expected:
            raise PolicyError(
                f"Pictures and picture tokens do not agree ({tokens} tokens for {sum(counts)} pictures). "
                "The model's processor or chat template does not fit the model: download the model's folder again."
            )

    def _reply(self, ids: list[int], logprobs: list[float]) -> Reply:
        """The reply of one row, cut after its first end token."""
        length = next((k + 1 for k, token in enumerate(ids) if token in self.end_ids), len(ids))
        ids, logprobs = ids[:length], logprobs[:length]
        text = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        whole = bool(ids) and ids[-1] in self.end_ids
        notes = () if whole else (cut_off_note("The model", f"its {self.max_new_tokens} tokens", text),)
        return Reply(text, tuple(ids), tuple(logprobs), notes)


class _Sampler:
    """Chooses each row's next token with that row's own random numbers, as a logits processor for greedy `generate`.

    One uniform number a token selects from the cumulative distribution: a row's choice depends on its own logits and
    seed alone, and not on other rows or the device.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, forbidden: set[int], length: int, device: Any):
        import torch

        def uniform(seed: int) -> torch.Tensor:
            return torch.rand(length, generator=torch.Generator().manual_seed(int(seed)), dtype=torch.float64)

        self.temperature, self.forbidden = temperature, sorted(forbidden)
        self.precision = torch.float32 if device.type == "mps" else torch.float64  # MPS knows no float64
        self.uniform = torch.stack([uniform(seed) for seed in seeds]).to(self.precision).to(device)  # (B, length)
        self.tokens: list[torch.Tensor] = []
        self.logprobs: list[torch.Tensor] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores (B, V) -> scores of which only the chosen token's is above -inf."""
        import torch

        scores = scores.to(self.precision)
        scores[:, self.forbidden] = -torch.inf
        logprobs = torch.log_softmax(scores / (self.temperature or 1.0), dim=-1)  # (B, V)
        if self.temperature:
            cumulative = logprobs.exp().cumsum(dim=-1)
            targets = self.uniform[:, len(self.tokens), None] * cumulative[:, -1:]
            chosen = torch.searchsorted(cumulative, targets, right=True).clamp_(max=scores.shape[1] - 1)  # (B, 1)
        else:
            chosen = scores.argmax(dim=-1, keepdim=True)
        picked = logprobs.gather(1, chosen)
        if not bool(torch.isfinite(picked).all()):
            raise PolicyError("The model's output is not a number. Its files may be damaged: download them again.")
        self.tokens.append(chosen)
        self.logprobs.append(picked)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    def rows(self) -> tuple[list[list[int]], list[list[float]]]:
        """Tokens and log-probabilities of each row, (B, length) as nested lists."""
        import torch

        return torch.cat(self.tokens, dim=1).tolist(), torch.cat(self.logprobs, dim=1).tolist()


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    listed = model.generation_config.eos_token_id
    ids = set(listed) if isinstance(listed, (list, tuple)) else {listed}
    return {int(token) for token in ids | {tokenizer.eos_token_id} if token is not None}


def _image_token_id(config: Any) -> int:
    return config.image_token_id if hasattr(config, "image_token_id") else config.image_token_index


def _placeholder_ids(model: Any, processor: Any) -> set[int]:
    """Ids of the tokens that stand for images, videos and sound, or bracket them, by the names that configs use."""
    kinds = ("image_token", "video_token", "audio_token", "vision_start_token", "vision_end_token", "fake_image_token")
    names = [f"{kind}_{ending}" for kind in kinds for ending in ("id", "index")]
    ids = {getattr(source, name, None) for source in (model.config, processor) for name in names}
    return {token for token in ids if isinstance(token, int)}


@contextmanager
def _after_each_layer(model: Any, call: OnProgress | None) -> Iterator[None]:
    """Inside, `call` is called after each layer (an entry of a ModuleList) of the model: reading a long prompt is one
    forward pass, which may take minutes on a CPU."""
    import torch

    if call is None:
        yield
        return
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    handles = [layer.register_forward_hook(lambda *_: call()) for layers in lists for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _explained(what: str, advice: str) -> Iterator[None]:
    """Raise a PolicyError, which says what failed and what to do, for any exception of torch and transformers."""
    try:
        yield
    except PolicyError:
        raise
    except ImportError as error:
        raise PolicyError(
            f"{what}: Python has no usable {error.name or 'torch'} ({first_line(error)}). "
            f'Install what local models need with: "{sys.executable}" -m pip install {PACKAGES}'
        ) from error
    except Exception as error:  # third-party code raises whatever it likes here
        if "out of memory" in str(error).lower() or "not enough memory" in str(error).lower():
            raise PolicyError(
                f"{what}: there is not enough memory. Use a smaller model, a smaller batch or smaller pictures."
            ) from error
        raise PolicyError(f"{what}: {first_line(error)} {advice}") from error
