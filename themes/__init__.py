"""Colour themes: TOML files and the loader that checks them."""
