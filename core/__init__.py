"""The trading brain: no sockets, no HTTP, no terminal."""
