"""The one error that is meant for the person at the screen."""


class VesselError(Exception):
    """A problem told in one clear sentence, with what to do about it.

    Parameters
    ----------
    message : str
        What went wrong, in the words of the user's world (file names, not stack frames).
    hint : str, optional
        What the user can do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def in_a_sentence(error: Exception) -> VesselError:
    """Give what a person is told of an error."""
    if isinstance(error, VesselError):
        return error
    return VesselError(f"Something went wrong inside the app: {error!r}.", "The log file has the details.")


class Cancelled(Exception):
    """Raised inside slow work when its requester no longer wants the answer."""
