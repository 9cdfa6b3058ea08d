"""The exceptions of this package."""


class DataError(RuntimeError):
    """Something about a data set went wrong; the message is one sentence that says what to do."""


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
