// Counters of the platform's own, and a histogram where there is one.

// http_duration_seconds{job="api"} → http_duration_seconds_bucket{job="api", le=…}
local bucket(selector, le) =
  local parts = std.splitLimit(selector, '{', 1);
  local matchers = if std.length(parts) == 2 then std.substr(parts[1], 0, std.length(parts[1]) - 1) else '';
  local given = if std.stripChars(matchers, ' ,') == '' then [] else [std.rstripChars(matchers, ' ,')];
  parts[0] + '_bucket' + '{' + std.join(', ', given + le) + '}';

function(catalogue, service, signal)
  local histogram = std.get(signal, 'duration');
  {
    events: std.get(signal, 'events', 'events'),
    sparse: true,
    total(window):: 'sum(rate(' + signal.total + '[' + window + ']))',
    bad(window):: 'sum(rate(' + signal.bad + '[' + window + ']))',
  }
  + if histogram == null then {} else {
    quantile(q):: 'histogram_quantile(' + q + ', sum by (le) (rate(' + bucket(histogram, []) + '[5m])))',
    local rate(le, window) = 'sum(rate(' + bucket(histogram, [le]) + '[' + window + ']))',
    timed(window):: rate('le="+Inf"', window),
    // Events in the bucket that ends at the bound are quick. A bound between two buckets gives no series, and
    // SliMissing says so. Prometheus 3 writes le="1" as le="1.0".
    slow(window, bound)::
      local whole = std.strReplace(bound, '.', '') == bound;
      local end = if whole then 'le=~"' + bound + '(\\\\.0)?"' else 'le="' + bound + '"';
      rate('le="+Inf"', window) + '\n-\n' + rate(end, window),
  }
