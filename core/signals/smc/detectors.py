"""The smart-money detectors: what the structure engine found, turned into votes (methods sheet 2.3)."""
