// The catalogue, read once: what the platform has, in the form in which views ask for it. Numbers arrive as strings.
local signals = import '../../prometheus/lib/service.libsonnet';
local links_of = import 'links.libsonnet';
local present = import 'present.libsonnet';
local thresholds_of = import 'thresholds.libsonnet';
local units = import 'units.libsonnet';

// People end a help text with a full stop, or not.
local sentence(text) = if std.endsWith(text, '.') then text else text + '.';
local number(text) = std.parseJson(text);

// Fields are evaluated at each access by C++ Jsonnet, locals once: what costs anything is a local.
local level(slo) =
  local objective = number(slo.objective);
  local budget = number(slo.budget);
  local days = number(slo.period_days);
  local tiers = [t { factor: number(t.factor), threshold: number(t.threshold) } for t in slo.tiers];
  slo { objective: objective, budget: budget, period_days: days, tiers: tiers };

// Failures that are no accident, where no objective says how many are.
local usual_accidents = 5;

local service(catalogue, look, s) =
  local signal = signals.signal(catalogue, s);
  local slos = [level(slo) for slo in s.slos];
  local scripts = [x.script_name for x in s.signals if x.kind == 'cloudflare_worker'];
  local availability = ([slo for slo in slos if slo.sli == 'availability'] + [null])[0];
  local now = look(s, if availability == null then usual_accidents else availability.minimum_bad_events);
  s {
    slos: slos,
    now: now,
    // What the share of failed requests is measured against; null without such an objective.
    availability: availability,
    measures_latency: std.objectHasAll(signal, 'quantile'),
    banded: signal.counts_customers,  // prometheus/anomaly.libsonnet knows what is normal
    scripts: scripts,  // Workers whose requests make up the service; empty when it is only probed
  };

local metric(query, m) =
  local unit = units.of(m);
  local help = sentence(m.help);
  local own = [l for l in m.labels if l != 'target'];
  m {
    unit: unit,
    help: help,
    own: own,  // labels of the team's own
    selector: '{target="' + query.database + '"}',
  };

local query(q) =
  local metrics = [metric(q, m) for m in q.metrics];
  q { metrics: metrics, view: std.get(q, 'view'), panel: std.get(q, 'panel') };

// `reads` are the team's own metrics in its expression: without them its window still remembers what is gone.
local kpi(k, queries) =
  local named(name) = std.strReplace(k.expr, name, '') != k.expr;
  local reads = std.set([m.name for q in queries for m in q.metrics if named(m.name)]);
  local unit = units.base(k.unit, k.title);
  local target = number(k.target);
  local help = sentence(k.help);
  k { target: target, help: help, unit: unit, reads: reads };

function(catalogue)
  local look = present(catalogue);
  // What the exporter does itself has no title in the platform file; others may have that of the service they tell of.
  local titles = [s.title for s in catalogue.services + catalogue.sources];
  local named(source) =
    local own = {
      drill: 'Drill',
      status_page: 'Status page',
      'cloudflare.workers': 'Cloudflare Workers',
    };
    local kinds = { health: 'health', pgbouncer: 'pooler', postgres: 'database' };
    local title = std.get(own, source.source, source.title);
    if std.count(titles, title) > 1 && std.objectHas(kinds, source.kind) then title + ' · ' + kinds[source.kind] else title;
  local laned = [
    local lane = named(s);
    s { lane:: lane }
    for s in catalogue.sources
  ];
  local sources(kind) = [s for s in laned if s.kind == kind];
  // Those without a signal have no traffic, errors or latency to show.
  local services = [service(catalogue, look, s) for s in catalogue.services if std.length(s.signals) > 0];
  local slos = [slo for s in services for slo in s.slos];
  local postgres = sources('postgres');
  // Their names stand beside each other: without a title the key, which stands behind a title that several have, too.
  local health = [
    local alike = std.count([other.title for other in sources('health')], h.title) > 1;
    h { title: if h.title == h.source then h.target else if alike then h.title + ' (' + h.target + ')' else h.title }
    for h in sources('health')
  ];
  local workers = sources('cloudflare_workers');
  local poolers = sources('pgbouncer');
  local queries = [query(q) for q in std.get(catalogue, 'queries', [])];
  local kpis = [kpi(k, queries) for k in std.get(catalogue, 'kpis', [])];

  local quotas = std.get(catalogue, 'quotas', []);

  local some(list) = std.length(list) > 0;
  // Every dashboard there is: whom it serves, and whether this platform has anything to show on it.
  local view(name, folder, title, exists=true) =
    local uid = catalogue.platform + '-' + name;
    { name: name, folder: folder, title: title, exists: exists, uid: uid };
  local views = {
    home: view('home', 'Home', 'Home'),
    executive: view('executive', 'Executive', 'Executive'),
    technical: view('technical', 'Technical', 'Technical'),
    business: view('business', 'Business', 'Business', some(queries) || some(kpis) || some(services)),
    operations: view('operations', 'Operations', 'Operations'),
    service: view('service', 'Details', 'Service', some(services)),
    slo: view('slo', 'Details', 'Service level', some(slos)),
    postgres: view('postgres', 'Details', 'Postgres', some(postgres)),
    statements: view('statements', 'Details', 'Postgres statements', some(postgres)),
    health: view('health', 'Details', 'Health', some(health)),
    workers: view('workers', 'Details', 'Workers', some(workers)),
    exporter: view('exporter', 'Details', 'Monitoring'),
  };
  local limits = thresholds_of(catalogue);
  local links = links_of(catalogue.monitoring, views, limits);
  {
    // Name of a source among services and other sources.
    lane(source):: source.lane,
    platform: catalogue.platform,
    environment: catalogue.environment,
    title: catalogue.title,
    views: views,
    links: links,
    limits: limits,
    services: services,
    slos: slos,
    sources: laned,
    postgres: postgres,
    health: health,
    workers: workers,
    poolers: poolers,
    quotas: quotas,
    machines: some(catalogue.monitoring.node_exporters),
    // Whether alerts are tried out on schedule.
    drilled: some(sources('drill')),
    queries: queries,
    kpis: kpis,
    // Titles of what alerts and promises name: services, sources, quotas and the monitoring; service levels.
    titles: [
              ['platform-exporter', 'Exporter'],
              ['prometheus', 'Prometheus'],
              ['alertmanager', 'Alertmanager'],
            ] + [[s.name, s.title] for s in catalogue.services] + [[s.source, s.lane] for s in laned]
            + [['quota ' + quota.name, quota.title] for quota in quotas],
    // Alerts by what they concern, in the label service, which the quotas share.
    concerned(alerts)::
      if some(quotas) then 'label_replace(' + alerts + ', "service", "quota $1", "quota", "(.+)")' else alerts,

    // What this team calls the priorities p1 to p4 that the alerts carry: [priority, word, severity].
    priorities: [
      local said = catalogue.alerting.priorities[p];
      [p, said.word, said.severity]
      for p in std.objectFields(catalogue.alerting.priorities)
    ],
    promises: [[slo.slo, slo.title] for slo in slos],
    // Whether maintenance was announced, of whatever; then the exporter says when it goes on.
    maintained: some(std.get(catalogue.alerting, 'maintenance', [])),
  }
