// Will a plan's limit be reached before anybody notices?

local quotas = import '../quotas.libsonnet';

local each(catalogue, resets, part) = [
  part {
    service: 'quotas',
    labels: { quota: quota.name },
    words: { quota: quota.name, title: quota.title, written: quota.written }
           + (if quota.resets == 'never' then {} else { elapsed: quotas.elapsed[quota.resets], period: { daily: 'day', monthly: 'month' }[quota.resets] }),
    dashboard: 'operations',
  }
  for quota in std.get(catalogue, 'quotas', [])
  if std.member(resets, quota.resets)
];

function(catalogue) {
  QuotaHigh: {
    'for': '15m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.9',
    warn: '0.75',
    rules: each(catalogue, ['never', 'daily', 'monthly'], {
      expr: 'quota:used:ratio{quota="%(quota)s"} > %(threshold)s',
      value: '%(value)s used',
      threshold: 'over %(limit)s for %(for)s',
      summary: '%(title)s: the quota is nearly used up.',
      description: '%(value)s of the quota of %(written)s is used.',
      impact: 'At 100% the vendor refuses, slows down or charges more.',
      action: 'Use less, or raise the plan before the limit is reached.',
      panel: 'capacity/now',
    }),
  },

  QuotaPace: {
    'for': '1h',
    priority: 'p3',
    kind: 'capacity',
    unit: 'factor',
    threshold: '1',
    rules: each(catalogue, ['daily', 'monthly'], {
      // A tenth of the period must have passed: before, one busy hour would look like a month of them.
      expr: |||
        quota:pace:ratio{quota="%(quota)s"} > %(threshold)s
        and on ()
        %(elapsed)s > 0.1
      |||,
      value: '%(value)s the pace that lasts',
      threshold: 'more than %(limit)s the pace that lasts, for %(for)s',
      summary: '%(title)s: the quota will not last.',
      description: 'At the pace so far, %(value)s as much as the quota of %(written)s is used by the end of the %(period)s.',
      impact: 'None yet; then the vendor refuses, slows down or charges more.',
      action: 'See what uses more than planned, and decide between using less and a larger plan.',
      panel: 'capacity/pace',
    }),
  },

  QuotaFillsSoon: {
    'for': '1h',
    priority: 'p3',
    kind: 'capacity',
    unit: 'ratio',
    // A level below which no forecast is worth a message.
    threshold: '0.6',
    rules: each(catalogue, ['never'], {
      expr: |||
        predict_linear(quota:used:ratio{quota="%(quota)s"}[3d], 14 * 86400) > 1
        and
        quota:used:ratio{quota="%(quota)s"} > %(threshold)s
      |||,
      value: '%(value)s in two weeks',
      threshold: 'full within 14 days at the pace of three, and over %(limit)s now',
      summary: '%(title)s: full within two weeks.',
      description: 'At the pace of the last three days, the quota of %(written)s is full within two weeks.',
      impact: 'None yet; then writes are refused.',
      action: 'Find what grows, delete what may go, or raise the plan while there is time.',
      panel: 'capacity/course',
    }),
  },
}
