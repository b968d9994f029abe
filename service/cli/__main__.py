"""`python -m service.cli` is `lineproof`."""

from service.cli import main

if __name__ == "__main__":
    main()
