// The words for states, the same on every view.
local colours = import 'colours.libsonnet';
local fields = import 'fields.libsonnet';
local known = import 'known.libsonnet';

{
  // The state of a check as `worst` ranks it: what is not known never hides what is bad.
  check:: fields.words([
    [0, 'Healthy', colours.good],
    [1, 'Unknown', colours.unknown],
    [2, 'Degraded', colours.warn],
    [3, 'Unhealthy', colours.bad],
  ]),

  // health:state:code of the whole document. HealthUnhealthy fires, too, where none comes in time, or one that says nothing
  // known: a 404, another page, a word of its own.
  health:: fields.words([
    [0, 'Healthy', colours.good],
    [1, 'Degraded', colours.warn],
    [2, 'Unhealthy', colours.bad],
    [3, 'No usable answer', colours.bad],
  ]),

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
    [0, 'No alert', colours.good],
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

  // One-hot series of checks to their rank; of each step the worst.
  worst(metric, by, selector='')::
    'max by (' + by + ') (' + std.join(' or ', [
      code[0] + ' * ' + known.extreme(
        metric + '{' + selector + (if selector == '' then '' else ', ') + 'status="' + code[1] + '"}'
      )
      for code in [['0', 'healthy'], ['1', 'unknown'], ['2', 'degraded'], ['3', 'unhealthy']]
    ]) + ')',
}
