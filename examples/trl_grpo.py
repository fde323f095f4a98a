"""Train a language model by TRL's GRPOTrainer: tools place the items of a room, and Blender judges the layout."""

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from headless.engines.trl_env import layout_tools, prompts

model, folder, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
lengths = {"num_generations": 8, "max_completion_length": 4096}
options = GRPOConfig(folder, max_steps=steps, bf16=torch.cuda.is_available(), report_to="none", **lengths)
with layout_tools(turns=3) as factory:
    rows = Dataset.from_list(prompts(8 * steps))
    GRPOTrainer(model, args=options, train_dataset=rows, environment_factory=factory).train()
