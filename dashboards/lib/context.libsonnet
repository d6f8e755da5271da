// The catalogue, read once: what the platform has, in the form in which views ask for it. Numbers arrive as strings.
local links_of = import 'links.libsonnet';
local units = import 'units.libsonnet';

// People end a help text with a full stop, or not.
local sentence(text) = if std.endsWith(text, '.') then text else text + '.';

function(catalogue)
  local number(text) = std.parseJson(text);
  local sources(kind) = [s for s in catalogue.sources if s.kind == kind];
  local uids = {
    [view]: '%s-%s' % [catalogue.platform, view]
    for view in ['executive', 'technical', 'business']
  };

  local level(slo) =
    local objective = number(slo.objective);
    local budget = number(slo.budget);
    local days = number(slo.period_days);
    local tiers = [t { factor: number(t.factor), threshold: number(t.threshold) } for t in slo.tiers];
    slo { objective: objective, budget: budget, period_days: days, tiers: tiers };

  local service(s) =
    local slos = [level(slo) for slo in s.slos];
    s {
      slos: slos,
      // Workers whose requests make up the service; empty when it is only probed.
      scripts: [x.script_name for x in s.signals if x.kind == 'cloudflare_worker'],
    };

  // Those without a signal have no traffic, errors or latency to show.
  local services = [service(s) for s in catalogue.services if s.signals != []];

  // Fields are evaluated at each access by C++ Jsonnet, locals once: what costs anything is a local.
  local metric(query, m) =
    local unit = units.of(m);
    m {
      unit: unit,
      help: sentence(m.help),
      own: [l for l in m.labels if l != 'target'],  // labels of the team's own
      selector: '{target="' + query.database + '"}',
    };

  local query(q) =
    local metrics = [metric(q, m) for m in q.metrics];
    q { metrics: metrics, view: std.get(q, 'view'), panel: std.get(q, 'panel') };

  local queries = [query(q) for q in std.get(catalogue, 'queries', [])];
  local kpi(k) =
    local unit = units.base(k.unit, k.title);
    k { target: number(k.target), help: sentence(k.help), unit: unit };
  local kpis = [kpi(k) for k in std.get(catalogue, 'kpis', [])];
  local links = links_of(catalogue.monitoring, uids);
  local slos = [slo for s in services for slo in s.slos];
  local postgres = sources('postgres');
  local health = sources('health');
  local workers = sources('cloudflare_workers');

  {
    platform: catalogue.platform,
    environment: catalogue.environment,
    title: catalogue.title,
    uids: uids,
    links: links,
    services: services,
    slos: slos,
    sources: catalogue.sources,
    postgres: postgres,
    health: health,
    workers: workers,
    queries: queries,
    kpis: kpis,
  }
