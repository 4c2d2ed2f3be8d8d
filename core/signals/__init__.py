"""What the market says: detectors, and the confluence that pools them."""
