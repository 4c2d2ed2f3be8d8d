"""The terminal application. Importing this package loads nothing."""
