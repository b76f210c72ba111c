"""A delivered record in, an acknowledged completion or dead letter out: the stages, one after the other.

The only place that imports the stages. `Line` is what needs neither broker nor ledger (plan, fetch, ask, validate),
`Pipeline` is the whole of it.
"""

from analysis_worker.pipeline.line import Line
from analysis_worker.pipeline.whole import Pipeline

__all__ = ["Line", "Pipeline"]
