"""Between topics and the world: doors in, sinks out, the API, the command line, the simulator."""
