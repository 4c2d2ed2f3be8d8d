"""Risk: gates, sizing, limits."""
