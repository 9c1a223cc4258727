"""`python -m tailgate`: the command line."""

from tailgate.cli import main

if __name__ == "__main__":
    main()
