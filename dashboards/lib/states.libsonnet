// The words for states, the same on every view.
local colours = import 'colours.libsonnet';
local fields = import 'fields.libsonnet';

{
  // health:state:code and the code of each check
  health:: fields.words([
    [0, 'Healthy', colours.good],
    [1, 'Degraded', colours.warn],
    [2, 'Unhealthy', colours.bad],
    [3, 'Unknown', colours.unknown],
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

  // One-hot series of a health document to the code above.
  code(metric, by, selector='')::
    local state(status) =
      'sum by (' + by + ') (' + metric + '{' + selector + (if selector == '' then '' else ', ')
      + 'status="' + status + '"})';
    state('degraded') + ' + 2 * ' + state('unhealthy') + ' + 3 * ' + state('unknown'),
}
