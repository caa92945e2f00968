"""Pure: no clock, environment, network, file, log or randomness."""
