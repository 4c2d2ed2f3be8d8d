"""Widgets drawn with the line API."""
