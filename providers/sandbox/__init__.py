"""An exchange on loopback that speaks both venues wire protocols."""
