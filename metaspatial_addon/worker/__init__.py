"""The headless Blender behind the button: its main (`process_main`) and `jobs`, and the window's end of it (`client`).

Messages are JSON lines (`protocol`). The worker knows nothing of the window, and ends when the window does. Training
runs its environments in processes of the same kind.
"""
