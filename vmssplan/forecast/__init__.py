"""What a rollout will do before it is done: the very Rollout, rehearsed many times on a twin.

The twin is the live scale set in the simulator. Each seed draws other latencies; together they
say how long it takes, how low capacity goes, and what a bad image would hit.
"""

from vmssplan.forecast.trial import Trial, Twin, trial
from vmssplan.forecast.values import Forecast, Part, forecast_of, quantile

__all__ = ["Forecast", "Part", "Trial", "Twin", "forecast_of", "quantile", "trial"]
