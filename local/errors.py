"""What the local machine tells a person instead of a traceback."""


class LocalError(Exception):
    """Something that this machine lacks or refuses. The text is one sentence that says what to do."""
