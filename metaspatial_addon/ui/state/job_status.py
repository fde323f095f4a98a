"""What the one job is doing, as the interface shows it: `job.py` writes it; panels, preferences and properties read it.

It imports none of them, so that all of them can import it.
"""

from __future__ import annotations

from ..screen import Notice, ProgressBar, redraw_panels

IDLE, READING, STARTING, RUNNING, PLACING = "IDLE", "READING", "STARTING", "RUNNING", "PLACING"
"""States: no job; the scene is to be written; the worker starts; the worker works; a turn is put into the file."""


class JobStatus:
    """State, progress bar and notice of the job. Only `job.py` changes the state and the bar."""

    def __init__(self) -> None:
        self.state = IDLE
        self.progress = ProgressBar()
        self.notice: Notice | None = None
        self.restart_requested = False
        """Whether the turn that is being put into the file is to be put into it again."""

    @property
    def busy(self) -> bool:
        """Whether a job is going on."""
        return self.state != IDLE

    def update(self, state: str, progress: ProgressBar, notice: Notice | None) -> None:
        """Change what the panel shows, and draw it again where that is something else."""
        if (state, progress, notice) != (self.state, self.progress, self.notice):
            self.state, self.progress, self.notice = state, progress, notice
            redraw_panels()

    def notify(self, notice: Notice | None) -> None:
        """Show a notice in the panel; None removes it."""
        self.update(self.state, self.progress, notice)

    def restart_placement(self) -> None:
        """Say that the file or the shown turn was changed: a turn that is being put into the file counts on both."""
        self.restart_requested = True


status = JobStatus()
