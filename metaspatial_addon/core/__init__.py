"""What a room, an item, a layout, a fault and a relation are. Python and numpy alone: no bpy, no torch."""
