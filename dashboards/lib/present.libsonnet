// How a service fares at this moment: over a window as short as the pace of its source allows, where the recorded rates
// remember five minutes.
local duration = import '../../prometheus/lib/duration.libsonnet';
local maintenance = import '../../prometheus/lib/maintenance.libsonnet';
local signals = import '../../prometheus/lib/service.libsonnet';

local shortest = 60;
local recorded = 300;  // seconds of service:error_ratio:rate5m

local number(text) = std.parseJson(text);

// Seconds between two values of a signal.
local pace(catalogue, scrape, signal) =
  local of_source(kind) = [s for s in catalogue.sources if s.kind == kind && std.get(s, 'target') == std.get(signal, 'target')];
  local edge = [s for s in catalogue.sources if s.kind == 'cloudflare_workers'];
  local counting = [
    q
    for q in std.get(catalogue, 'queries', [])
    for m in q.metrics
    if signal.kind == 'metrics' && (signal.total == m.name || std.startsWith(signal.total, m.name + '{'))
  ];
  local asked =
    if signal.kind == 'cloudflare_worker' then edge
    else if signal.kind == 'metrics' then counting
    else of_source(signal.kind);
  if std.length(asked) == 0 then scrape else number(asked[0].every_seconds);

// Seconds to look back: at least four scrapes and two values of the source, so that a late one leaves no hole.
local window(catalogue, scrape, signal) =
  std.min(recorded, std.foldl(std.max, [4 * scrape, 2 * pace(catalogue, scrape, signal)], shortest));

local one_line(text) = std.strReplace(std.strReplace(text, '\n', ' '), '  ', '');
local of_minutes(name) = 'service:error_ratio:rate5m{service="' + name + '"}';

local single(catalogue, scrape, service, enough) =
  local signal = signals.signal(catalogue, service);
  local seconds = window(catalogue, scrape, service.signals[0]);
  local range = seconds + 's';
  local total = one_line(signal.total(range));
  local bad = '(' + one_line(signal.bad(range)) + ')';
  local short = '(' + bad + ' / (' + total + ' > 0))';
  local failing = '(' + short + ' and on () ' + seconds + ' * ' + bad + ' >= ' + enough + ')';
  local usual = 'min(' + short + ' or ' + of_minutes(service.name) + ') and on () ' + total + ' >= 0';
  {
    seconds: seconds,
    expr:
      if seconds >= recorded then of_minutes(service.name)
      // Each failed look is one, however few there are. Of requests a single one that fails in a quiet minute says
      // nothing: a few must, or their share in five minutes counts if it is lower.
      else if !signal.sparse then short
      else failing + ' or on () ' + usual,
  };

// {expr: share of what failed just now, without labels or with those of the service; seconds: how far it looks back}.
// `enough` is how many failures are no accident.
function(catalogue)
  local scrape = duration.seconds(catalogue.monitoring.scrape_interval);
  function(service, enough)
    local signal = service.signals[0];
    if signal.kind != 'services' then single(catalogue, scrape, service, enough)
    else
      local parts = [
        { name: s.name } + single(catalogue, scrape, s, enough)
        for s in signals.with_signal(catalogue)
        if std.member(signal.services, s.name)
      ];
      local named = [
        'label_replace(max(' + part.expr + '), "service", "' + part.name + '", "", "")'
        for part in parts
      ];
      {
        seconds: std.foldl(std.max, [part.seconds for part in parts], 0),
        expr: 'max((' + std.join(' or ', named) + ')' + maintenance.outside(catalogue, signal.services) + ')',
      }
