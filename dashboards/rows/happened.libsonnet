// What happened: incidents, states, and the week in numbers beside the week before.
local colours = import '../lib/colours.libsonnet';
local incidents_of = import '../lib/incidents.libsonnet';
local known = import '../lib/known.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local units = import '../lib/units.libsonnet';
local queries = import 'queries.libsonnet';

// Every minute counts once, however often it was measured: what is recorded each five seconds now weighs no more than
// what was recorded once a minute.
local minutely(expr, window, offset='') = 'sum_over_time((' + expr + ')[' + window + ':1m]' + offset + ')';

local present(list, panel) = if std.length(list) == 0 then null else panel;

// A lane for each service, and for each database: that it is down is known before somebody feels it. `since` says whether
// anything was known.
local lanes(ctx) = [
  { title: s.title, matcher: 'service="' + s.name + '"', since: 'service:requests:rate5m{service="' + s.name + '"}' }
  for s in ctx.services
] + [
  { title: ctx.lane(s), matcher: 'source="' + s.source + '"', since: 'pg_up{target="' + s.target + '"}' }
  for s in ctx.postgres
];

local states_of(ctx) = [
  present(lanes(ctx), panels.timeline(
    'happened/incidents',
    'Incidents by service',
    what='When customers felt each service to be broken, and when each database was down.',
    good='One unbroken bar of Fine.',
    act='Ask for the review of each incident: what happened, and what keeps it from coming back.',
    targets=[
      t.range(
        'max(' + incidents_of(ctx).all(', ' + lane.matcher, known.fired) + ') or 0 * max(' + known.ever(lane.since) + ')',
        lane.title
      )
      for lane in lanes(ctx)
    ],
    links=[ctx.links.operations, ctx.links.firing],
    height=std.max(5, std.min(10, 2 + std.length(lanes(ctx)))),
    mappings=states.incident,
  )),
  present(ctx.health, panels.timeline(
    'happened/health',
    'State of the platform',
    what='What the platform reported about itself; of each step the worst.',
    good='One unbroken bar of Healthy.',
    act='The page behind shows the same by component.',
    targets=[
      t.range(known.extreme('health:state:code{target="' + h.target + '"}'), h.title)
      for h in ctx.health
    ],
    links=[ctx.links.health, ctx.links.technical],
    height=5,
    mappings=states.health,
  )),
];

// Somebody looked, then: customers were counted, or the exporter was asked.
local looked(ctx, offset='') =
  'max(' + (if std.length(ctx.services) == 0 then '' else 'service:requests:rate5m' + offset + ' or ')
  + 'up{job="platform-exporter"}' + offset + ')';

// Each alert by what it concerns, however many of its kind fire at once.
local each(ctx, alerts) = 'max by (alertname, service) (' + ctx.concerned(alerts) + ')';
local incidents(ctx) =
  local firing = incidents_of(ctx).all();
  // When each was seen firing: what fires is 1, and the time of the step is a number, while timestamp() is a hundred times
  // as dear. A single operation, since each is done for every minute of a month.
  local seen = '(' + firing + ' * time())';
  local kinds(alerts) = 'max by (alertname, service, quota) (' + alerts + ')';
  // Since when, of what fires at the end: the last minute of a day in which it did not. To look further is as dear as all
  // the rest, and who is told that it is open for more than a day needs no minutes.
  local at_end = incidents_of(ctx).all('', function(series) series + ' @ end()');
  local before = 'max_over_time(((' + kinds(at_end) + ' unless ' + kinds(firing) + ') * time())[1d:1m])';
  panels.table(
    'happened/list',
    'Incidents in this period',
    what='What customers felt in the time shown, and databases that were down: how long before its end each alert was last firing, for how long in all of it, however often, and of what fires at the end, for how long without a break, up to a day. What fires at the end comes first, then the longest. Looked at once a minute. Those with one end belong to one fault.',
    good='None.',
    act='Click one for its runbook; ask for the review of each.',
    // Rows stand in the order of these answers. What is not seen without scrolling are the shortest that are over.
    targets=[
      t.table(each(ctx, firing)),
      t.table('sort_desc(' + known.or_none(
        each(ctx, minutely(kinds(firing), '$__range'))
        // What has just begun is not yet in a minute that was looked at.
        + ' or 0.5 * ' + each(ctx, firing), looked(ctx), 'service', 'No incident'
      ) + ')'),
      t.table('time() - ' + each(ctx, seen + ' or max_over_time(' + seen + '[$__range:1m])')),
      t.table(
        'floor(clamp_max(time() - ' + each(ctx, before) + ' or 86400 * ' + each(ctx, firing) + ', $__range_s) / 60)'
      ),
    ],
    merge=true,
    unit='none',
    columns=[
      // On a phone four are seen. Where nothing is open there is no more; else the last comes with a swipe.
      ['service', 'Service'],
      ['alertname', 'What'],
      ['Value #C', 'Ago'],
      ['Value #D', 'Open for'],
      ['Value #B', 'In all'],
    ],
    links=[ctx.links.operations, ctx.links.firing],
    wish=12,
    height=8,  // six rows: a fault tells of itself in four or five
    noValue='not known',
    overrides=[
      // In words, which are as short as a phone is narrow; the runbook behind them says the alert's name.
      panels.named('What', {
        links: [ctx.links.runbookOfCell],
        mappings: panels.titled(incidents_of(ctx).words),
        'custom.minWidth': 108,
      }),
      panels.named('Service', { 'custom.minWidth': 111, mappings: panels.titled(ctx.titles) }),
      panels.named('In all', {
        unit: 'suffix: min',  // as "Minutes of incidents" beside it; in hours 84 of them would be one
        decimals: 0,
        mappings: panels.words([[0, ' ', colours.unknown]]) + panels.ranges([[0.1, 0.9, '< 1 min', colours.bad]]),
        'custom.width': 66,  // 100 min
      }),
      panels.named('Open for', {
        unit: 'suffix: min',
        decimals: 0,
        noValue: 'over',
        mappings: panels.words([[0, '< 1 min', colours.bad]]) + panels.ranges([[1440, null, '> 1 day', colours.bad]]),
        'custom.width': 70,
      }),
      panels.named('Ago', {
        unit: 's',
        decimals: 1,
        mappings: panels.ranges([[null, 60, 'now', colours.bad]]),
        'custom.width': 80,
      }),
    ],
  );

// What happened in the last seven days, told as sentences with numbers, beside the week before.
local week(ctx) =
  local number(title, expr) = { title: title, expr: expr };
  local counters = [x for x in queries.all(ctx) if x.metric.type == 'counter'];
  local requests = [s.name for s in ctx.services if std.length(s.scripts) > 0];
  local scripts = std.set(std.flatMap(function(s) s.scripts, ctx.services));
  // Of the counters, at their end: the recorded rates are five minutes behind, which in a fault is most of it.
  local counted(events, offset) =
    'sum(increase(cloudflare_workers_' + events + '_total{script_name=~"' + std.join('|', scripts) + '"}[7d]' + offset + '))';
  local levels = [
    x { said: queries.title(x.query, x.metric), sum: 'sum(' + x.metric.name + x.metric.selector }
    for x in queries.all(ctx)
    if x.metric.type == 'gauge' && x.query.view == 'executive' && units.additive(x.metric.unit)
  ];
  local lines(offset) = [
    number(
      'Minutes of incidents',
      '(' + known.zero(minutely('max(' + incidents_of(ctx).all() + ')', '7d', offset), looked(ctx, offset)) + ')'
    ),
  ] + (
    if std.length(requests) == 0 then []
    else [
      number('Requests of customers', counted('requests', offset)),
      number('Requests that failed', counted('errors', offset) + ' or 0 * ' + counted('requests', offset)),
    ]
  ) + [
    number(queries.title(x.query, x.metric), 'sum(increase(' + x.metric.name + x.metric.selector + '[7d]' + offset + '))')
    for x in counters
  ] + std.flatMap(function(x) [number(x.said, x.sum + offset + ')')] + (
    if !units.money(x.metric.unit) then []
    else [number(
      '± ' + x.said,
      '(' + x.sum + offset + ') - ' + x.sum + ' offset ' + (if offset == '' then '7d' else '14d') + '))'
    )]
  ), levels);
  // A column has one unit for all its rows: that of money stands with its name. A phone would cut the name of a change,
  // which stands below what changed.
  local signed = [[x.said, x.said + units.sign(x.metric.unit)] for x in levels]
                 + [['± ' + x.said, '± in seven days' + units.sign(x.metric.unit)] for x in levels if units.money(x.metric.unit)];
  local count = std.length(lines(''));
  local told(all) =
    std.join(' or ', [
      'label_replace(' + all[i].expr + ', "what", "' + all[i].title + '", "", "")'
      for i in std.range(0, std.length(all) - 1)
    ]);
  panels.table(
    'happened/week',
    'This week in numbers',
    what='What happened in the last seven days, and in the seven days before; of customers or money, what there was at their end, and (±) its change.',
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
    columns=[['what', 'What'], ['Value #A', '7 days'], ['Value #B', 'Before']],
    links=[ctx.links.business, ctx.links.operations],
    wish=12,
    height=std.min(14, 3 + count),  // every row is seen
    decimals=0,
    overrides=[panels.named(heading, { 'custom.width': 82 }) for heading in ['7 days', 'Before']]
              + [panels.named('What', { mappings: panels.titled(signed) })],
  );

// Lines of panels; `below` stands under the shorter of the two tables if there is room, else beside them: it is as high as a
// phone needs, and on a line of its own would be half empty.
function(ctx, below)
  local list = incidents(ctx);
  local numbers = week(ctx);
  [states_of(ctx)] + (
    if std.min(list.height, numbers.height) + below.height > 14 then [[list, numbers, below]]
    else if list.height <= numbers.height then [[[list, below], numbers]]
    else [[list, [numbers, below]]]
  )
