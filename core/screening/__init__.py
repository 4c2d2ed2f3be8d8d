"""Screening: what is unusual on a market (Stage 1), and what to make of it (Stage 2)."""
