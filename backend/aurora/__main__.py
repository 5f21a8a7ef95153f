"""`python -m aurora`."""

from aurora.cli.main import main

if __name__ == "__main__":
    main()
