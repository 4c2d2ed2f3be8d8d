"""Orders: matching, journal, states, manager, brokers, positions."""
