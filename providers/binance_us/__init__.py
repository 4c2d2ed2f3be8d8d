"""Binance.US spot: wire structs and the market-data provider."""
