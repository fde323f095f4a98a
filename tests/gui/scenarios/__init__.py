"""What `make test-gui` plays, by name: each takes a Bench, raises AssertionError, and returns its figures in words."""

from __future__ import annotations

from collections.abc import Callable

from tests.gui.scenarios.accepting import accept_and_undo, save_and_reload
from tests.gui.scenarios.buttons import after_a_turn, doors_and_library
from tests.gui.scenarios.cancelling import cancel, kill_blender, kill_worker
from tests.gui.scenarios.first_layout import first_layout, fresh_profile
from tests.gui.scenarios.languages import languages
from tests.gui.scenarios.lifecycle import enable_fifty_times, remove
from tests.gui.scenarios.main_thread import crowded_room, many_items, small_room
from tests.gui.scenarios.meanwhile import edit_meanwhile, open_meanwhile, render_meanwhile
from tests.gui.scenarios.servers import failing_servers, real_server
from tests.gui.scenarios.wishes import wishes
from tests.gui.session import Bench

SCENARIOS: dict[str, Callable[[Bench], str]] = {
    scenario.__name__: scenario
    for scenario in (
        fresh_profile,
        first_layout,
        doors_and_library,
        after_a_turn,
        wishes,
        languages,
        small_room,
        crowded_room,
        many_items,
        cancel,
        kill_worker,
        kill_blender,
        accept_and_undo,
        save_and_reload,
        real_server,
        failing_servers,
        enable_fifty_times,
        remove,
        edit_meanwhile,
        open_meanwhile,
        render_meanwhile,
    )
}
