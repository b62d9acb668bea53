"""How fast a model runs here, beside how fast this machine could run it at best.

Knows workloads, clocks and what a token must read; knows nothing of text, nor how it is shown.
"""

from ossia.bench.measurement import Bench, Progress
from ossia.bench.report import Decode, Report, Spread
from ossia.bench.workloads import Workload

__all__ = ["Bench", "Decode", "Progress", "Report", "Spread", "Workload"]
