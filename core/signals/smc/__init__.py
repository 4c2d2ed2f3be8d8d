"""Smart-money concepts, causal: swings, breaks of structure, gaps, order blocks, equal highs and lows, sweeps."""
