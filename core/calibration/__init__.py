"""Fitting the thresholds of each asset on its own history: queue, search, folds, statistics, guards."""
