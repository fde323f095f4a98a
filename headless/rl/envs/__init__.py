"""Where episodes are played: in this process, in worker processes, in Ray actors."""
