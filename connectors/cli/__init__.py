"""The command line `isthmus`."""
