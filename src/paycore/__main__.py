"""`paycore` and `python -m paycore`."""

from paycore.cli.main import main

if __name__ == "__main__":
    main()
