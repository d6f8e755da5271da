// What happened: incidents, states, and the week in numbers beside the week before.
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local queries = import 'queries.libsonnet';

local present(list, panel) = if std.length(list) == 0 then null else panel;

local states_of(ctx) = [
  present(ctx.services, panels.timeline(
    'happened/incidents',
    'Incidents by service',
    what='When a critical alert was firing for each service.',
    good='One unbroken bar of Fine.',
    act='Ask for the review of each incident: what happened, and what keeps it from coming back.',
    targets=[
      local one = 'service="' + s.name + '"';
      t.range(
        'max by (service) (max_over_time(ALERTS{alertstate="firing", severity="critical", ' + one + '}[$__rate_interval]))'
        + ' or 0 * max by (service) (service:requests:rate5m{' + one + '})', s.title
      )
      for s in ctx.services
    ],
    links=[ctx.links.operations, ctx.links.firing],
    height=std.max(5, std.min(10, 2 + std.length(ctx.services))),
    mappings=states.incident,
  )),
  present(ctx.health, panels.timeline(
    'happened/health',
    'State of the platform',
    what='What the platform reported about itself; of each step the worst.',
    good='One unbroken bar of Healthy.',
    act='The page behind shows the same by component.',
    targets=[
      t.range('max_over_time(health:state:code{target="' + h.target + '"}[$__rate_interval])', h.title)
      for h in ctx.health
    ],
    links=[ctx.links.health, ctx.links.technical],
    height=5,
    mappings=states.health,
  )),
];

local incidents(ctx) = panels.table(
  'happened/list',
  'Incidents in this period',
  what='Critical alerts of the time shown, and for how long each was firing.',
  good='None.',
  act='Click a name for its runbook; ask for the review of each.',
  targets=[t.table(
    'sort_desc(300 * sum by (alertname, service) (sum_over_time('
    + 'ALERTS{alertstate="firing", severity="critical"}[$__range:5m])))'
  )],
  unit='none',
  columns=[['alertname', 'Alert'], ['service', 'Service'], ['Value', 'Duration']],
  links=[ctx.links.firing, ctx.links.operations],
  drill=ctx.links.runbookOfRow,
  wish=12,
  height=7,
  rare='No incident in this period',
  sort='Duration',
  overrides=[
    panels.named('Service', { mappings: panels.titled(ctx.titles) }),
    panels.named('Duration', { unit: 's', decimals: 0 }),
  ],
);

// What happened in the last seven days, told as sentences with numbers, beside the week before.
local week(ctx) =
  local number(title, expr) = { title: title, expr: expr };
  local counters = [x for x in queries.all(ctx) if x.metric.type == 'counter'];
  local requests = [s.name for s in ctx.services if std.length(s.scripts) > 0];
  local lines(offset) = [
    number(
      'Minutes of incidents',
      '(5 * sum(sum_over_time(ALERTS{alertstate="firing", severity="critical"}[7d:5m]' + offset + ')) or vector(0))'
    ),
  ] + (
    if std.length(requests) == 0 then []
    else [
      number(
        'Requests of customers',
        'sum(avg_over_time(service:requests:rate5m{service=~"' + std.join('|', requests) + '"}[7d]' + offset + ')) * 604800'
      ),
      number(
        'Requests that failed',
        'sum(avg_over_time(service:errors:rate5m{service=~"' + std.join('|', requests) + '"}[7d]' + offset + ')) * 604800'
      ),
    ]
  ) + [
    number(queries.title(x.query, x.metric), 'sum(increase(' + x.metric.name + x.metric.selector + '[7d]' + offset + '))')
    for x in counters
  ];
  local told(all) =
    std.join(' or ', [
      'label_replace(' + all[i].expr + ', "what", "' + all[i].title + '", "", "")'
      for i in std.range(0, std.length(all) - 1)
    ]);
  panels.table(
    'happened/week',
    'This week in numbers',
    what='What happened in the last seven days, and in the seven days before.',
    good='Fewer failures and more business than the week before.',
    act='Ask for the reason of each number that surprises you; the business view has its course.',
    targets=[
      t.table('round(' + told(lines('')) + ')'),
      t.table('round(' + told(lines(' offset 7d')) + ')'),
      t.table(told(std.mapWithIndex(function(i, line) number(line.title, 'vector(' + i + ')'), lines('')))),
    ],
    join='what',
    order='Value #C',
    unit='locale',
    columns=[['what', 'What'], ['Value #A', 'Last 7 days'], ['Value #B', '7 days before']],
    links=[ctx.links.business, ctx.links.operations],
    wish=12,
    height=7,
    decimals=0,
  );

// Lines of panels.
function(ctx) [states_of(ctx), [incidents(ctx), week(ctx)]]
