// The words for states, the same on every view.
local colours = import 'colours.libsonnet';
local panels = import 'panels.libsonnet';

{
  // health:state:code and the code of each check
  health:: panels.words([
    [0, 'Healthy', colours.good],
    [1, 'Degraded', colours.warn],
    [2, 'Unhealthy', colours.bad],
    [3, 'Unknown', colours.unknown],
  ]),

  up:: panels.words([
    [0, 'Down', colours.bad],
    [1, 'Up', colours.good],
  ]),

  // Number of critical alerts on something.
  incident:: panels.ranges([
    [0, 0, 'Fine', colours.good],
    [0.5, null, 'Incident', colours.bad],
  ]),

  kpi:: panels.words([
    [0, '✗ Missed', colours.bad],
    [1, '✓ Met', colours.good],
  ]),

  // One-hot series of a health document to the code above.
  code(metric, by)::
    ('sum by (%(by)s) (%(metric)s{status="degraded"})'
     + ' + 2 * sum by (%(by)s) (%(metric)s{status="unhealthy"})'
     + ' + 3 * sum by (%(by)s) (%(metric)s{status="unknown"})')
    % { metric: metric, by: by },
}
