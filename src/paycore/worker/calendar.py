"""Which jobs by the day there are: one list, for the nodes and for `paycore jobs`.

Whoever adds one adds a line here; when it runs, how often it is tried and that it runs
once are `worker/daily.py`'s.
"""

from paycore.kernel.config import Settings
from paycore.worker import bookkeeper, learner, reconciler, remover
from paycore.worker.daily import Job


def jobs(settings: Settings, dsn: str) -> tuple[Job, ...]:
    """Every job, in the order in which a day has them; an hour of -1 is never."""
    return (
        learner.job(settings.channels_hour),
        *reconciler.jobs(dsn, settings.recon_hour),
        bookkeeper.job(dsn, settings.cutoff_hour),
        remover.job(dsn, settings.retention_hour),
    )
