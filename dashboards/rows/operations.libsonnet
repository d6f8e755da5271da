// What those on duty ask: what fires, what state is every part in?
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
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

// Alerts by name and by what they concern, as a table shows them; several of one kind are one row, and counted once.
local kinds(ctx, alerts) = 'count(count by (alertname, priority, service) (' + ctx.concerned(alerts) + '))';
local firing(ctx, severity) = known.zero(kinds(ctx, known.firing('severity="' + severity + '"')));

local counted(key, title, severity, colour, what, act) = function(ctx) panels.stat(
  'alerts/' + key,
  title,
  what=what,
  good='None.',
  act=act,
  targets=[t.instant(firing(ctx, severity), title)],
  unit='none',
  links=[ctx.links.operations, ctx.links.firing],
  background=true,
  thresholds=[[null, colours.good], [1, colour]],
  mappings=panels.words([[0, 'None', colours.good]]),
  noValue='not known',
);

{
  // How many fire now, as the table counts them.
  firing:: firing,

  critical:: counted(
    'critical',
    'Critical alerts',
    'critical',
    colours.bad,
    'Critical alerts that fire now, one for each thing concerned: somebody has been called.',
    'Take the oldest first; each names its runbook.'
  ),
  warning:: counted(
    'warning',
    'Warnings',
    'warning',
    colours.warn,
    'Warnings that fire now, one for each thing concerned: somebody should look today.',
    'Read them when nothing critical fires; a warning that nobody acts on needs another threshold.'
  ),
  pending(ctx):: panels.stat(
    'alerts/pending',
    'About to fire',
    what='Critical alerts and warnings whose condition holds, but not yet for long enough; one for each thing concerned.',
    good='None, or now and then one that goes away.',
    act='Have a look before they fire.',
    targets=[t.instant(known.zero(
      kinds(ctx, 'ALERTS{alertstate="pending", severity=~"critical|warning", alertname!="Unresolved"}')
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
    what='Alerts that fire now, the most urgent first, and for how long their condition has held; of several of one kind, the oldest.',
    good='Nothing fires.',
    act='Take the first; a click on the name opens its runbook.',
    targets=[t.table(known.or_none(
      'time() - min by (alertname, priority, service) (' + ctx.concerned(
        'ALERTS_FOR_STATE{severity!="none"} and ignoring (alertstate) ' + known.firing('severity!="none"')
      ) + ')',
      known.answers,
      'priority',
      'none'
    ))],
    unit='none',
    columns=[
      // On a phone the first three are seen, names whole; the last comes with a swipe.
      ['priority', 'Urgency'],
      ['alertname', 'Alert'],
      ['service', 'Concerns'],
      ['Value', 'For'],
    ],
    links=[ctx.links.firing, ctx.links.rules],
    sort=['Urgency', 'For'],
    most=['For'],
    wish=14,
    height=8,
    noValue='not known',
    overrides=[
      panels.named('Alert', { links: [ctx.links.runbookOfRow], 'custom.minWidth': 202 }),  // DatabaseConnectionFailures
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
    what='Alerts that fired, one for each thing concerned, by how urgent they were.',
    good='No bar.',
    act='Warnings for hours that nobody acts on: mend the cause or change the threshold.',
    targets=[
      t.range(known.zero(
        kinds(ctx, 'max_over_time(' + known.firing('severity="' + severity + '"') + '[$__rate_interval])'),
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
    softMax=5,
    noValue='not known',
    overrides=[
      panels.painted('critical', colours.bad),
      panels.painted('warning', colours.warn),
      panels.painted('info', colours.neutral),
    ],
  ),

  // One lane for each service and each source: the worst alert about it, and grey where nothing is known. An alert about
  // a source may carry the name of the service that it speaks for: then it is in the lanes of both.
  components(ctx, wish=24, height=null)::
    local names = [s.name for s in ctx.services];
    local sources = [s.source for s in ctx.sources];
    local n = std.length(names) + std.length(sources);
    local lanes(expr) = 'label_replace(' + expr + ', "service", "$1", "source", "(.*)")';
    local fired(severity, label, of) =
      'max by (' + label + ') ('
      + known.fired(known.firing('severity="' + severity + '", ' + label + '=~"' + any(of) + '"')) + ')';
    local about(severity, factor='') = [
      fired(severity, 'service', names + sources) + factor,
    ] + (if std.length(sources) == 0 then [] else [lanes(fired(severity, 'source', sources)) + factor]);
    panels.timeline(
      'components',
      'State of every part',
      what='For each service and each source: the worst alert about it. A lane is empty where nothing is known.',
      good='One unbroken bar of No alert in each lane.',
      act='The lane that turned first is nearest to the cause.',
      // That nothing is wrong is known while the exporter answers: what is recorded goes on for minutes.
      targets=[t.range('max by (service) (' + std.join(' or ', about('critical', ' * 2') + about('warning') + [
        known.told(
          (if std.length(names) == 0 then '' else '0 * max by (service) (' + known.ever('service:requests:rate5m') + ') or ')
          + lanes('1 - min by (source) (' + known.extreme('platform_exporter_source_up', 'min') + ')')
        ),
      ]) + ')', '{{service}}')],
      mappings=states.component,
      overrides=[panels.named(s.name, { displayName: s.title }) for s in ctx.services]
                + [panels.named(s.source, { displayName: ctx.lane(s) }) for s in ctx.sources],
      links=[ctx.links.operations, ctx.links.firing],
      drill=if std.length(names) > 0 then ctx.links.service(ctx.links.label('service')) else null,
      wish=wish,
      height=if height == null then std.max(5, std.min(12, 2 + n)) else height,
    ),
}
