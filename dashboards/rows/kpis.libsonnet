// The platform's own measures of success, each against its target, as prometheus/kpis.libsonnet records them.
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

// Which side of the target is the good one. A colour of Grafana's begins at its step: where the target itself belongs to
// the side below it, the next begins a hair's breadth above.
local steps(kpi) =
  local above = kpi.target + 1e-9 * std.max(1, std.abs(kpi.target));
  {
    '>=': [[null, colours.bad], [kpi.target, colours.good]],
    '>': [[null, colours.bad], [above, colours.good]],
    '<=': [[null, colours.good], [above, colours.bad]],
    '<': [[null, colours.good], [kpi.target, colours.bad]],
  }[kpi.op];

local signs = { '>=': '≥', '>': '>', '<=': '≤', '<': '<' };
local target(kpi) = signs[kpi.op] + ' ' + numbers.of(kpi.target, kpi.unit);
local series(metric, kpi) = metric + '{kpi="' + kpi.kpi + '"}';

// None where the figure is not a number: of no calls at all, no share was completed.
local verdict(kpi) =
  local value = series('kpi_value', kpi);
  series('kpi_met', kpi) + ' and on () (' + value + ' == ' + value + ')';

// What the figure was made of is still there, and somebody asks for it.
local present(kpi, expr) =
  known.asked(std.join(' and on () ', [expr] + ['count(' + name + ')' for name in kpi.reads]));

local good(kpi) = 'Met: ' + target(kpi) + '.';
local act = 'Find the day it turned, and what was released or failed on it; the expression stands in the platform file.';
local share(kpi) = kpi.unit == 'percentunit';

{
  // Now and the verdict, in one card.
  card(kpi, links, wish=6):: panels.stat(
    'kpi/' + kpi.kpi + '/card',
    kpi.title,
    what=kpi.help,
    good=good(kpi),
    act=act,
    targets=[t.instant(present(kpi, verdict(kpi)), 'verdict'), t.instant(present(kpi, series('kpi_value', kpi)), 'now')],
    unit=kpi.unit,
    links=links,
    wish=wish,
    decimals=if share(kpi) then 2 else null,
    thresholds=steps(kpi),
    text='value',
    overrides=[panels.named('verdict', { mappings: states.kpi(target(kpi)), unit: 'none', decimals: 0 })],
  ),

  course(kpi, links, wish=12):: panels.timeseries(
    'kpi/' + kpi.kpi + '/course',
    kpi.title,
    what=kpi.help + ' Dashed: the target.',
    good=good(kpi),
    act=act,
    targets=[t.range(series('kpi_value', kpi), 'now')],
    unit=kpi.unit,
    links=links,
    wish=wish,
    height=6,
    min=null,
    fill=0,
    softMin=kpi.target,  // the axis always reaches the target
    softMax=kpi.target,
    max=if share(kpi) then 1 else null,
    colour=colours.neutral,
    legend=false,
    thresholds=steps(kpi),
  ),
}
