"""The classic detectors (methods sheet 1.2), one file a subject. SELL mirrors BUY.

Simple rules lose significance after data-snooping control and costs (Sullivan, Timmermann & White, 1999): these are
inputs to the pool, not signals by themselves. Screens list them in the order of these imports.
"""

# isort: off
from core.signals.classic import trend
from core.signals.classic import momentum
from core.signals.classic import meanrev
from core.signals.classic import volume
from core.signals.classic import level
from core.signals.classic import pattern
# isort: on

__all__ = ["level", "meanrev", "momentum", "pattern", "trend", "volume"]
