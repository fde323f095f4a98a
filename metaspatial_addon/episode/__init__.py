"""The loop that the button, the commands and training share: ask, place, measure, render, feed back, stop."""
