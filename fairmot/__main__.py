"""``python -m fairmot``: the command line."""

from fairmot.cli import main

if __name__ == "__main__":
    main()
