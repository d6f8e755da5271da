// What to do with what is left of an error budget, in words that executives and engineers agreed on beforehand.
//
// `slo:budget_policy:code` says which step holds now, for panels that show its words and for whoever must decide.

local steps = [
  {
    code: '0',
    title: 'Ship freely',
    text: 'More than half of the error budget is left. Risk is welcome: releases, experiments and migrations go ahead.',
  },
  {
    code: '1',
    at_most: '0.5',
    title: 'Ship with care',
    text: 'Less than half of the error budget is left. Releases go ahead; risky ones wait for a quiet hour and a way back.',
  },
  {
    code: '2',
    at_most: '0.25',
    title: 'Reliability first',
    text: 'Less than a quarter of the error budget is left. Repairs come before features; risky changes wait.',
  },
  {
    code: '3',
    at_most: '0',
    title: 'Freeze',
    text: 'The error budget is spent: customers got less than was promised. Only repairs and security fixes are released until it recovers.',
  },
];

local remaining = 'slo:period_error_budget_remaining:ratio';

{
  steps: steps,
  rule: {
    record: 'slo:budget_policy:code',
    expr: std.join('\n+\n', [
      '(' + remaining + ' <= bool ' + step.at_most + ')'
      for step in steps
      if std.objectHas(step, 'at_most')
    ]),
  },
}
