// A 0-or-1 series that a source renews at its interval, as events: looks per second, not "1" per target, so that a
// guard of N bad events means N failed looks.

function(catalogue, kind, target)
  local source = [s for s in catalogue.sources if s.kind == kind && s.target == target][0];
  local over(metric, window) = '(' + metric + '{target="' + target + '"}[' + window + '])';
  {
    every: source.every,
    every_seconds: source.every_seconds,
    total(metric):: function(window)
      'sum(max by (target) (present_over_time' + over(metric, window) + ')) / ' + source.every_seconds,
    bad(metric):: function(window)
      'sum(1 - max by (target) (avg_over_time' + over(metric, window) + ')) / ' + source.every_seconds,
  }
