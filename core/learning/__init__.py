"""What outcomes teach: scores turned into probabilities, and how far those can be trusted."""
