"""Loads a model and its processor from a folder or the hub, and says what to do where that cannot be done.

Used by `local` and by the trainer. torch and transformers are imported when a model is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .base import PolicyError

WITHOUT_VIDEO = {"SmolVLMProcessor": "Idefics3Processor"}
"""Processors that equal another one but for videos, for which they need further packages."""


def load_in_one_thread() -> None:
    """Ask transformers for loading that leaves no thread behind: one that wakes while Blender's operators run may end
    the process, see `settle`."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0
    os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"


def load_model(model: str, *, adapter: str | Path | None = None, device: str | None = None) -> Any:
    """The model in evaluation mode on its device, with the adapter on top if there is one.

    Code that comes with a model is never run. Raises PolicyError for a model that needs such code or a package for
    quantised weights that is not here; what transformers raises about other files is left as it is.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    load_in_one_thread()
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    with _without_foreign_code(model):
        quantised = _quantisation(AutoConfig.from_pretrained(model, trust_remote_code=False))
        try:
            if quantised and quantised not in AUTO_QUANTIZER_MAPPING:  # transformers would warn, and read it all wrong
                raise ValueError("transformers does not know this kind")
            loaded: Any = AutoModelForImageTextToText.from_pretrained(model, dtype="auto", trust_remote_code=False)
        except (ImportError, ValueError, RuntimeError) as error:
            if not quantised:
                raise
            raise PolicyError(
                f"{model} is stored quantised ({quantised}) and cannot be loaded: {first_line(error)} Install what is "
                "missing, or choose the model without quantisation."
            ) from None  # the worker takes an ImportError as the cause for a torch that is missing
    # The files of published models ask for penalties and cut-offs, by which log-probabilities would differ from the
    # sampler's.
    loaded.generation_config = GenerationConfig(eos_token_id=loaded.generation_config.eos_token_id)
    if adapter is not None:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(adapter))
    return loaded.to(device).eval()


def load_processor(model: str) -> Any:
    """The model's processor: tokenizer, image processor and chat template in one.

    For models that read videos too, transformers needs torchvision even where there is no video. Without it
    `AutoProcessor` raises or returns a bare tokenizer; the model's own processor class is then used without its video
    part. A folder that is missing or damaged raises again in that second attempt.

    Code that comes with a model is never run. Raises PolicyError for a model that needs such code, for an adapter's
    folder, and for a model without pictures, tokenizer or chat template.
    """
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    _check_folder(Path(model))
    with _without_foreign_code(model):
        config_class = type(AutoConfig.from_pretrained(model, trust_remote_code=False))
        try:
            processor = AutoProcessor.from_pretrained(model, trust_remote_code=False)
        except (ImportError, AttributeError, ValueError, OSError):
            processor = None
        if not hasattr(processor, "image_processor"):
            if config_class not in PROCESSOR_MAPPING:
                raise PolicyError(f"{model} has no processor for pictures: it is no model that sees.")
            own_class = _without_video(PROCESSOR_MAPPING[config_class])
            processor = own_class.from_pretrained(model, trust_remote_code=False)
            settings, _ = own_class.get_processor_dict(model)
            for name, value in settings.items():  # of these transformers reads what the signature of `__init__` names
                if name in vars(processor) and isinstance(value, (int, float, str)):
                    setattr(processor, name, value)
    if not processor.tokenizer.encode("a", add_special_tokens=False):  # made of no files, it knows no letters
        raise PolicyError(
            f"{model} has no tokenizer: copy the files whose names begin with tokenizer, vocab and merges from the "
            "model that it was trained from."
        )
    if not processor.chat_template:
        processor.chat_template = processor.tokenizer.chat_template
    if not processor.chat_template:
        raise PolicyError(f"{model} has no chat template: use the model's variant for chat (often called -Instruct).")
    return processor


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds no whole model. Raises PolicyError. What is no folder may be a hub id."""
    if not folder.is_dir() or (folder / "config.json").is_file():
        return
    if (folder / "adapter_config.json").is_file():
        raise PolicyError(
            f"{folder} is an adapter and no whole model: choose the model that it was trained on as the model, and "
            "this folder as the adapter."
        )
    raise PolicyError(f"{folder} holds no config.json, so no model: choose the folder that holds a model's files.")


def _quantisation(config: Any) -> str:
    """How the weights are quantised, as transformers names it ("gptq"); empty for weights that are not."""
    settings = getattr(config, "quantization_config", None)
    if not isinstance(settings, dict) or not settings:
        return ""
    method = str(settings.get("quant_method", "of no kind"))[:40]
    if method == "bitsandbytes":
        method += "_4bit" if settings.get("load_in_4bit") else "_8bit"
    return method


@contextmanager
def _without_foreign_code(model: str) -> Iterator[None]:
    """Say what to do about a model that transformers refuses since its own code would have to be run."""
    try:
        yield
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise PolicyError(
            f"{model} needs code of its own, which comes with its files and is never run here: choose a model that "
            "transformers knows by itself."
        ) from error


def _without_video(processor_class: Any) -> Any:
    """The processor class without its video part: transformers loads the parts in the signature of `__init__`."""
    import transformers

    replacement = WITHOUT_VIDEO.get(processor_class.__name__)
    if replacement is not None:
        return getattr(transformers, replacement)

    def __init__(self, image_processor=None, tokenizer=None, chat_template=None, **kwargs):
        processor_class.__init__(self, image_processor, tokenizer, chat_template=chat_template, **kwargs)

    # Under the name of the original, so that a processor saved from here loads with torchvision too.
    return type(processor_class.__name__, (processor_class,), {"__init__": __init__})


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters, as a sentence."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
    return line if line.endswith((".", "!", "?")) else line + "."
