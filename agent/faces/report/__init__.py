"""A stored study as one page to send to colleagues: HTML without any request, or Markdown for pull requests."""

from .build import markdown, page

__all__ = ["markdown", "page"]
