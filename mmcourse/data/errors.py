"""The exceptions of this package."""


class DataError(RuntimeError):
    """Something about a data set went wrong; the message is one sentence that says what to do."""

    def _render_traceback_(self):
        """Show the sentence alone in a notebook: the fault is not in the code above it."""
        return [f"{type(self).__name__}: {self}"]


class FetchError(DataError):
    """A wheel could not be had.

    Parameters
    ----------
    reason : str
        Half a sentence.
    action : str
        What to do before running the command again.
    """

    def __init__(self, reason, action="Connect to the network and run"):
        super().__init__(reason)
        self.action = action
