// Which alerts say nothing new while another one fires.
//
// A label that is missing on both sides counts as equal. Every rule therefore names, in its matchers, what both sides
// must have; platform and environment come from Prometheus' external labels and keep platforms apart.

local place = ['platform', 'environment'];

local rule(source, target, equal=[]) = {
  source_matchers: source,
  target_matchers: target,
  equal: place + equal,
};

local tier(name) = ['slo_tier = "' + name + '"'];
local slower(names) = ['slo_tier =~ "' + std.join('|', names) + '"'];

[
  rule(tier('fast'), slower(['medium', 'slow', 'trend']), ['slo']),
  rule(tier('medium'), slower(['slow', 'trend']), ['slo']),
  rule(tier('slow'), tier('trend'), ['slo']),
  rule(
    ['severity = "critical"', 'service != ""'],
    ['severity =~ "warning|info"', 'service != ""'],
    ['alertname', 'service']
  ),
  // Without the exporter every series is missing; one page says so, not one for each thing that can no longer be seen.
  rule(['alertname = "ExporterDown"'], ['alertname =~ "SourceStale|SliMissing|TrafficStopped"']),
  // What is down is not being read either.
  rule(
    ['alertname =~ "DatabaseDown|HealthUnhealthy"', 'source != ""'],
    ['alertname = "SourceStale"', 'source != ""'],
    ['source']
  ),
]
