// How recorded rates are looked at over a window: in equal steps. A mean over the samples as they are would weigh those
// hours most that were evaluated most often.

local duration = import 'duration.libsonnet';

local direct_up_to = duration.seconds('1h');
local long_step = '1m';

{
  // Up to here a window is read from the source itself: averages of rate5m lag a sudden outage by two minutes.
  direct(window):: duration.seconds(window) <= direct_up_to,

  // The distance of two looks.
  step(catalogue, window)::
    if self.direct(window) then catalogue.monitoring.evaluation_interval else long_step,

  // window:step, as it stands between the brackets of a subquery.
  range(catalogue, window):: window + ':' + self.step(catalogue, window),
}
