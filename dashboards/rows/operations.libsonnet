// What those on duty ask: what fires, what state is every part in, what runs full?
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

// "a|b" of names that hold no meta characters: they are slugs, or a slug and a dot.
local any(names) = std.strReplace(std.join('|', names), '.', '\\\\.');

// Colours of severities, and signs for those who do not see them.
local severities = {
  critical: { sign:: '● ', color: colours.bad },
  warning: { sign:: '▲ ', color: colours.warn },
  info: { sign:: '', color: colours.neutral },
};

local counted(key, title, severity, colour, what, act) = function(ctx) panels.stat(
  'alerts/' + key,
  title,
  what=what,
  good='None.',
  act=act,
  targets=[t.instant(known.zero('count(' + known.firing('severity="' + severity + '"') + ')'), title)],
  unit='none',
  links=[ctx.links.operations, ctx.links.firing],
  background=true,
  thresholds=[[null, colours.good], [1, colour]],
  mappings=panels.words([[0, 'None', colours.good]]),
  noValue='not known',
);

{
  critical:: counted(
    'critical',
    'Critical alerts',
    'critical',
    colours.bad,
    'Critical alerts that fire now: somebody has been called.',
    'Take the oldest first; each names its runbook.'
  ),
  warning:: counted(
    'warning',
    'Warnings',
    'warning',
    colours.warn,
    'Warnings that fire now: somebody should look today.',
    'Read them when nothing critical fires; a warning that nobody acts on needs another threshold.'
  ),
  pending(ctx):: panels.stat(
    'alerts/pending',
    'About to fire',
    what='Critical alerts and warnings whose condition holds, but not yet for long enough; one for each thing concerned.',
    good='None, or now and then one that goes away.',
    act='Have a look before they fire.',
    targets=[t.instant(known.zero(
      'count(count by (alertname, service) '
      + '(ALERTS{alertstate="pending", severity=~"critical|warning", alertname!="Unresolved"}))'
    ), 'pending')],
    unit='none',
    links=[ctx.links.rules, ctx.links.firing],
    background=true,
    thresholds=[[null, colours.good], [1, colours.warn]],
    mappings=panels.words([[0, 'None', colours.good]]),
    noValue='not known',
  ),
  silenced(ctx):: panels.stat(
    'alerts/silences',
    'Silences',
    what='Silences in force: alerts that nobody is told of.',
    good='None, but for planned work.',
    act='Find out who set them, and when they end.',
    targets=[t.instant('sum(alertmanager_silences{state="active"})', 'silences')],
    unit='none',
    links=[ctx.links.firing],
    background=true,
    thresholds=[[null, colours.good], [1, colours.warn]],
    mappings=panels.words([[0, 'None', colours.good]]),
    noValue='not known',
  ),

  // One row for each alert that fires, most serious first.
  table(ctx):: panels.table(
    'alerts/table',
    'What fires now',
    what='Alerts that fire now, the most urgent first, and for how long their condition has held.',
    good='Nothing fires.',
    act='Take the first; a click on the name opens its runbook.',
    targets=[t.table(known.or_none(
      'time() - max by (alertname, priority, service) (ALERTS_FOR_STATE{severity!="none"} and ignoring (alertstate) '
      + known.firing('severity!="none"') + ')',
      known.answers,
      'priority',
      'none'
    ))],
    unit='none',
    columns=[
      ['priority', 'Urgency'],
      ['Value', 'For'],
      ['service', 'Concerns'],
      ['alertname', 'Alert'],  // last: of its long name a phone shows the beginning
    ],
    links=[ctx.links.firing, ctx.links.rules],
    sort=['Urgency', 'For'],
    most=['For'],
    wish=14,
    height=8,
    noValue='not known',
    overrides=[
      panels.named('Alert', { links: [ctx.links.runbookOfRow], 'custom.minWidth': 202 }),
      panels.named('Concerns', { 'custom.minWidth': 112, mappings: panels.titled(ctx.titles) }),
      panels.named('For', {
        unit: 's',
        decimals: 1,
        mappings: panels.words([[0, ' ', colours.unknown]]),
        'custom.width': 80,
      }),
      panels.named('Urgency', {
        'custom.width': 18 + 8 * std.foldl(std.max, [2 + std.length(p[1]) for p in ctx.priorities], 6),
        mappings: [{
          type: 'value',
          options: {
            [p[0]]: severities[p[2]] { text: super.sign + p[1] }
            for p in ctx.priorities
          } + { none: { text: '✓ None', color: colours.good, index: 9 } },
        }],
        'custom.cellOptions': { type: 'color-text' },
      }),
    ],
  ),

  // How many fired over time.
  course(ctx):: panels.timeseries(
    'alerts/course',
    'Alerts over time',
    what='Alerts that fired, by how urgent they were.',
    good='No bar.',
    act='Warnings for hours that nobody acts on: mend the cause or change the threshold.',
    targets=[
      t.range(known.zero(
        'count(max_over_time(' + known.firing('severity="' + severity + '"') + '[$__rate_interval]))',
        'max(max_over_time(up{job="platform-exporter"}[$__rate_interval]))'
      ), severity)
      for severity in ['critical', 'warning', 'info']
    ],
    unit='short',
    links=[ctx.links.firing, ctx.links.rules],
    wish=10,
    height=8,
    style='bars',
    stack=true,
    decimals=0,
    softMax=1,
    noValue='not known',
    overrides=[
      panels.painted('critical', colours.bad),
      panels.painted('warning', colours.warn),
      panels.painted('info', colours.neutral),
    ],
  ),

  // One lane for each service and each source: the worst alert about it, and grey where nothing is known.
  components(ctx, wish=24, height=null)::
    local names = [s.name for s in ctx.services];
    local sources = [s.source for s in ctx.sources];
    local all = any(names + sources);
    local n = std.length(names) + std.length(sources);
    panels.timeline(
      'components',
      'State of every part',
      what='For each service and each source: the worst alert about it. A lane is empty where nothing is known.',
      good='One unbroken bar of Fine in each lane.',
      act='The lane that turned first is nearest to the cause.',
      targets=[t.range(
        'max by (service) ('
        + 'max by (service) (max_over_time(' + known.step(known.firing('severity="critical", service=~"' + all + '"')) + ')) * 2'
        + ' or max by (service) (max_over_time(' + known.step(known.firing('severity="warning", service=~"' + all + '"')) + '))'
        + (if std.length(names) == 0 then '' else ' or 0 * max by (service) (' + known.ever('service:requests:rate5m') + ')')
        + ' or label_replace(1 - min by (source) (min_over_time(' + known.step('platform_exporter_source_up') + ')), "service", "$1", "source", "(.*)")'
        + ')', '{{service}}'
      )],
      mappings=states.component,
      overrides=[panels.named(s.name, { displayName: s.title }) for s in ctx.services]
                + [panels.named(s.source, { displayName: ctx.lane(s) }) for s in ctx.sources],
      links=[ctx.links.operations, ctx.links.firing],
      drill=if std.length(names) > 0 then ctx.links.service(ctx.links.label('service')) else null,
      wish=wish,
      height=if height == null then std.max(5, std.min(12, 2 + n)) else height,
    ),

  // Quotas that begin anew each day or month: do they last until then?
  pace(ctx)::
    local quotas = [quota for quota in ctx.quotas if quota.resets != 'never'];
    if std.length(quotas) == 0 then null else panels.timeseries(
      'capacity/pace',
      'Do the quotas last?',
      what='Pace at which each quota is used, against the pace that lasts until it begins anew; dashed: what alerts.',
      good='Under 1×.',
      act='Above 1× it ends early: use less, or raise the plan.',
      targets=[t.range('quota:pace:ratio{quota="' + quota.name + '"}', quota.title) for quota in quotas],
      unit='suffix:×',
      links=[ctx.links.runbook('QuotaPace'), ctx.links.business],
      wish=24,
      height=7,
      fill=0,
      decimals=1,
      softMax=1.1,
      overrides=panels.apart([quota.title for quota in quotas]),
      thresholds=[[null, colours.good], [ctx.limits.of('QuotaPace'), colours.warn]],
    ),

  // Shares of limits: what runs full next?
  capacity(ctx)::
    local share(title, expr, limits) = { title: title, expr: expr, limits: limits };
    local budget = ctx.limits.budget_left;
    local shares = std.flatMap(function(source) [share(
      source.title + ': connections',
      '(sum(pg_stat_activity_count{target="' + source.target + '"}) or 0 * max(pg_up{target="' + source.target + '"} == 1))'
      + ' / max(pg_settings_max_connections{target="' + source.target + '"})',
      ctx.limits.connections
    )], ctx.postgres) + [
      share(
        slo.title + ': error budget',
        '1 - max(slo:period_error_budget_remaining:ratio{slo="' + slo.slo + '"})',
        { warn: 1 - budget.warn, bad: 1 - budget.bad }
      )
      for slo in ctx.slos
    ] + [
      share(quota.title + ': quota', 'max(quota:used:ratio{quota="' + quota.name + '"})', ctx.limits.capacity)
      for quota in ctx.quotas
    ] + [
      share(
        'Exporter: open files',
        'max(process_open_fds / process_max_fds and on (job, instance) platform_exporter_build_info)',
        ctx.limits.capacity
      ),
    ];
    local steps(limits) = [[null, colours.good], [limits.warn, colours.warn], [limits.bad, colours.bad]];
    [
      panels.bars(
        'capacity/now',
        'How full is it?',
        what='Share of each limit that is used now: connections, error budgets, quotas, files.',
        good='Green: each has limits of its own, those that alert.',
        act='Orange: plan more of it this week. Orange-red: raise the limit or use less, today.',
        targets=[t.instant(s.expr + ' or vector(NaN)', s.title) for s in shares],
        unit='percentunit',
        links=[if std.length(ctx.postgres) > 0 then ctx.links.to('postgres'), ctx.links.technical],
        wish=10,
        height=std.max(7, std.min(14, 2 + 2 * std.length(shares))),
        max=1,
        decimals=0,
        names='top',
        thresholds=steps(ctx.limits.capacity),
        overrides=[
          panels.named(s.title, { thresholds: panels.steps(steps(s.limits), s.title) })
          for s in shares
          if s.limits != ctx.limits.capacity
        ],
      ),
      panels.timeseries(
        'capacity/course',
        'Is it filling up?',
        what='The same shares over time; dashed: the limits of quotas and files, those of the others are near them.',
        good='Flat lines far below the dashed ones.',
        act='A steady climb says when: extend the line with your eyes, and act before it arrives.',
        targets=[t.range(s.expr, s.title) for s in shares],
        overrides=panels.apart([s.title for s in shares]),
        unit='percentunit',
        links=[if std.length(ctx.postgres) > 0 then ctx.links.to('postgres'), ctx.links.technical],
        wish=14,
        fill=0,
        max=1,
        decimals=0,
        thresholds=steps(ctx.limits.capacity),
      ),
    ],
}
