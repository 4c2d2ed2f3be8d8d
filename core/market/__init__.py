"""The market as the program knows it: candles, books, tape, indicators, regime, data quality."""
