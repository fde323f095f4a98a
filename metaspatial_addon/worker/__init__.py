"""The headless Blender behind the button: what it does (`main`, `jobs`), and how the window talks to it (`client`).

Messages are JSON lines (`protocol`). The worker knows nothing of the window, and ends when the window does.
"""
