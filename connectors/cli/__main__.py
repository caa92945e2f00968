"""`python -m connectors.cli`: the same as `isthmus`."""

from connectors.cli.main import main

if __name__ == "__main__":
    main()
