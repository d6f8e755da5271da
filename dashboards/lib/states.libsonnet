// The words for states, the same on every view.
local colours = import 'colours.libsonnet';
local fields = import 'fields.libsonnet';
local known = import 'known.libsonnet';

local healthy = [
  [0, 'Healthy', colours.good],
  [1, 'Degraded', colours.warn],
  [2, 'Unhealthy', colours.bad],
];

{
  // The code of each check.
  check:: fields.words(healthy + [[3, 'Unknown', colours.unknown]]),

  // health:state:code of the whole document. HealthUnhealthy fires, too, where none comes in time, or one that says nothing
  // known: a 404, another page, a word of its own.
  health:: fields.words(healthy + [[3, 'No usable answer', colours.bad]]),

  up:: fields.words([
    [0, 'Down', colours.bad],
    [1, 'Up', colours.good],
  ]),

  // Number of critical alerts on something.
  incident:: fields.ranges([
    [0, 0, 'Fine', colours.good],
    [0.5, null, 'Incident', colours.bad],
  ]),

  // With the target, for which a phone has no room in the title.
  kpi(target):: fields.words([
    [0, '✗ Missed: ' + target, colours.bad],
    [1, '✓ Met: ' + target, colours.good],
  ]),

  // The worst alert about something, or about the source that would know.
  component:: fields.words([
    [0, 'Fine', colours.good],
    [1, 'Warning', colours.warn],
    [2, 'Critical', colours.bad],
  ]),

  // Severity of alerts, the worst first.
  alert:: fields.words([
    [0, 'None', colours.good],
    [1, 'Info', colours.neutral],
    [2, 'Warning', colours.warn],
    [3, 'Critical', colours.bad],
  ]),

  // One-hot series of a health document to the code above; of each step the worst.
  worst(metric, by, selector='')::
    'max by (' + by + ') (' + std.join(' or ', [
      code[0] + ' * max_over_time(' + known.step(
        metric + '{' + selector + (if selector == '' then '' else ', ') + 'status="' + code[1] + '"}'
      ) + ')'
      for code in [['0', 'healthy'], ['1', 'degraded'], ['2', 'unhealthy'], ['3', 'unknown']]
    ]) + ')',
}
