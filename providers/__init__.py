"""What speaks to a venue: Binance.US, Bybit, recorded data, and the sandbox exchange."""
