"""The environment as other engines of reinforcement learning know it: Gymnasium, OpenEnv, TRL."""
