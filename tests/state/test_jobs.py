import threading

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.state.jobs import Job, Jobs


def run(work: object, *, cancel: bool = False) -> dict[str, object]:
    """Run one job on a lane of its own; give what was delivered."""
    jobs = Jobs(lambda call: call())
    told: dict[str, object] = {}
    hold = threading.Event()
    jobs.submit("hold", lambda _job: hold.wait(5), lambda _answer: None, lambda _error: None)
    job = jobs.submit(
        "work",
        work,  # type: ignore[arg-type]
        lambda answer: told.update(done=answer),
        lambda error: told.update(failed=error),
        progress=lambda share: told.update(progress=share),
        stopped=lambda: told.update(stopped=True),
    )
    if cancel:
        job.cancel()
    hold.set()
    jobs.close()
    return told


def test_the_answer_and_the_progress_are_delivered() -> None:
    def work(job: Job) -> int:
        job.report(0.5)
        return 7

    assert run(work) == {"progress": 0.5, "done": 7}


def test_an_error_is_delivered_and_the_lane_lives_on() -> None:
    problem = VesselError("no", "try")

    def work(_job: Job) -> None:
        raise problem

    assert run(work) == {"failed": problem}


def test_a_bug_is_told_in_a_sentence() -> None:
    told = run(lambda _job: 1 // 0)
    assert isinstance(told["failed"], VesselError)
    assert "inside the app" in str(told["failed"])
    assert "ZeroDivisionError" in str(told["failed"])


def test_a_cancelled_job_never_answers() -> None:
    assert run(lambda _job: 7, cancel=True) == {"stopped": True}


def test_work_that_notices_the_cancel_stops() -> None:
    def work(job: Job) -> None:
        job.cancel()
        raise Cancelled

    assert run(work) == {"stopped": True}


def test_jobs_run_one_after_another() -> None:
    jobs = Jobs(lambda call: call())
    order: list[int] = []
    for number in range(20):
        jobs.submit("n", lambda _job, n=number: n, order.append, lambda _error: None)
    jobs.close()
    assert order == list(range(20))
