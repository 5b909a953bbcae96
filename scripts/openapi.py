"""`python -m scripts.documents openapi` under its former name."""

from scripts.documents.openapi import PATH, document, write

__all__ = ["PATH", "document"]

if __name__ == "__main__":
    write()
