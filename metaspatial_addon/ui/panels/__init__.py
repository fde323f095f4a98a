"""The sidebar's panels. Draw only: no file is read and nothing computed here."""
