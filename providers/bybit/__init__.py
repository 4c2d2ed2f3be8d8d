"""Bybit v5 spot and linear perpetuals: wire structs and the market-data provider."""
