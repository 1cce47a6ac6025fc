"""`python -m app` is `digitserve`."""

from app.cli import main

if __name__ == "__main__":
    main()
