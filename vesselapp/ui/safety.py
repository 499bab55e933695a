"""Says what is on the disk and what isn't, what an earlier run left, and why a picture is locked."""

from vesselapp.core.errors import VesselError
from vesselapp.state.standing import Standing
from vesselapp.state.workspace import Workspace
from vesselapp.ui.notice import Banner, NoticeBar
from vesselapp.ui.status import StatusLine

NOT_SAVED = "NOT SAVED: "
"""Begins every notice that is over once all is saved."""


class Safety:
    """Tells a person how safe their work is.

    Parameters
    ----------
    workspace : Workspace
    notice : NoticeBar
        Tells that something could not be saved.
    banner : Banner
        Tells why a picture can only be looked at.
    status : StatusLine
        Tells what is saved, and when that was.
    """

    def __init__(self, workspace: Workspace, notice: NoticeBar, banner: Banner, status: StatusLine) -> None:
        self._workspace, self._notice, self._banner, self._status = workspace, notice, banner, status
        self._failing: tuple[str, str] | None = None
        self._waiting: list[str] = []
        self._with_first = ""
        workspace.study_changed.connect(self._on_turned)

    def show(self) -> None:
        """Say it anew."""
        workspace = self._workspace
        standing = workspace.sitting.standing if workspace.sitting is not None else None
        unsaved = workspace.keeper.unsaved()
        self._status.show_standing(standing, workspace.review, [one.facts.image for one, _ in unsaved])
        names, where = (
            ", ".join(sitting.facts.image for sitting, _ in unsaved),
            _where([one for _, one in unsaved]),
        )
        failing = (names, where) if unsaved else None
        if failing is not None and failing != self._failing:
            why = next((_why(one) for _, one in unsaved if _why(one)), "The disk doesn't answer.")
            self._notice.show_error(VesselError(f"{NOT_SAVED}{names}. {why}", where))
        elif self._failing and not unsaved and self._notice.first.startswith(NOT_SAVED):
            self._notice.take_back(self._notice.first)
        self._tell_of_waiting(saved=bool(self._failing) and not unsaved)
        self._failing = failing
        stale = standing is not None and standing.holder is not None and standing.holder.stale
        words = standing.words if standing is not None and standing.is_read_only else ""
        self._banner.show_text(words, with_button=stale)

    def _tell_of_waiting(self, *, saved: bool) -> None:
        """Say what pictures that were left have in the rescue folder alone; saved: else that all is saved."""
        waiting = sorted({work.image for work in self._workspace.keeper.rescue.waiting.values()})
        if waiting and (saved or waiting != self._waiting):
            self._notice.show_text(
                f"What was done last in {', '.join(waiting)} could not be saved. "
                "It is in the rescue folder, and put back when the picture is opened again."
            )
        elif saved:
            self._status.tell("Everything is saved again.")
        self._waiting = waiting

    def tell_of_rescue(self) -> None:
        """Say what an earlier run could not save, if anything."""

        def tell(left: list[str]) -> None:
            if left:
                words = (
                    f"Work on {', '.join(left)} could not be saved last time. "
                    "It is in the rescue folder, and put back when the picture is opened again."
                )
                if self._workspace.pictures.entries:
                    self._workspace.desk.telling.also_with_next(words)
                else:
                    self._notice.show_text(words)
                    self._with_first = words  # where pictures are still looked for

        rescue = self._workspace.keeper.rescue
        self._workspace.jobs.submit(
            "rescue", lambda _job: [left.image for left in rescue.left()], tell, self._notice.show_error
        )

    def _on_turned(self) -> None:
        if self._with_first:
            self._workspace.desk.telling.with_next(self._with_first)
            self._with_first = ""


def _why(standing: Standing) -> str:
    """Say why a sitting can't save."""
    return str(standing.problem) if standing.problem is not None else standing.words


def _where(unsaved: list[Standing]) -> str:
    """Say where what isn't saved is kept meanwhile; empty where all is saved."""
    if not unsaved:
        return ""
    problem = next((one.rescue_problem for one in unsaved if one.rescue_problem is not None), None)
    if problem is not None:
        return f"It is kept in memory only, and tried again every few seconds: {problem.message}"
    also = " and in the rescue folder" if all(one.rescued for one in unsaved) else ""
    return f"It is kept in memory{also}, and tried again every few seconds."
