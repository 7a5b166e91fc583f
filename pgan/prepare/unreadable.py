"""Why an image cannot be used, in words for the person whose image it is."""


class Unreadable(ValueError):
    """The image cannot be used; the message says why, and what to do."""


GET_AGAIN = "get the file again"
"""What to do about a damaged file."""

CONVERT = "convert it to PNG"
"""What to do about an image that is whole, but of a kind that is not read."""
