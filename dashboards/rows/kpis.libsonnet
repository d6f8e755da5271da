// The platform's own measures of success, each against its target.
local colours = import '../lib/colours.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

local key(kpi) = std.asciiLower(std.strReplace(kpi.title, ' ', '-'));

// Which side of the target is the good one.
local steps(kpi) =
  if std.startsWith(kpi.op, '>') then [[null, colours.bad], [kpi.target, colours.good]]
  else [[null, colours.good], [kpi.target, colours.bad]];

local target(kpi) =
  local value = if kpi.unit == 'percentunit' then '%g %%' % (kpi.target * 100) else '%g' % kpi.target;
  '%s %s' % [{ '>=': '≥', '>': '>', '<=': '≤', '<': '<' }[kpi.op], value];

local good(kpi) = 'Met: %s.' % target(kpi);
local act = 'Find the day it turned, and what was released or failed on it; the expression stands in the platform file.';

{
  // Now and the verdict, in one card.
  card(kpi, links, wish=6):: panels.stat(
    'kpi/%s/card' % key(kpi),
    '%s · target %s' % [kpi.title, target(kpi)],
    what=kpi.help,
    good=good(kpi),
    act=act,
    targets=[t.instant('(%s) %s bool %g' % [kpi.expr, kpi.op, kpi.target], 'verdict'), t.instant(kpi.expr, 'now')],
    unit=kpi.unit,
    links=links,
    wish=wish,
    decimals=if kpi.unit == 'percentunit' then 2 else null,
    thresholds=steps(kpi),
    text='value',
    overrides=[panels.named('verdict', { mappings: states.kpi, unit: 'none', decimals: 0 })],
  ),

  course(kpi, links, wish=12):: panels.timeseries(
    'kpi/%s/course' % key(kpi),
    kpi.title,
    what=kpi.help + ' Dashed: the target.',
    good=good(kpi),
    act=act,
    targets=[t.range(kpi.expr, 'now')],
    unit=kpi.unit,
    links=links,
    wish=wish,
    height=6,
    min=null,
    softMin=kpi.target,  // the axis always reaches the target
    softMax=kpi.target,
    max=if kpi.unit == 'percentunit' then 1 else null,
    colour=colours.neutral,
    legend=false,
    thresholds=steps(kpi),
  ),
}
