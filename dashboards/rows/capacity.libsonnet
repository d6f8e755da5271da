// What runs full next, and do the quotas last?
local colours = import '../lib/colours.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

{
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
  shares(ctx)::
    local share(name, title, expr, limits) = { name: name, title: title, expr: expr, limits: limits };
    local budget = ctx.limits.budget_left;
    local shares = std.flatMap(function(source) [share(
      'connections ' + source.target,
      source.title + ': connections',
      '(sum(pg_stat_activity_count{target="' + source.target + '"}) or 0 * max(pg_up{target="' + source.target + '"} == 1))'
      + ' / max(pg_settings_max_connections{target="' + source.target + '"})',
      ctx.limits.connections
    )], ctx.postgres) + [
      share(
        'budget ' + slo.slo,
        slo.title + ': error budget',
        '1 - max(slo:period_error_budget_remaining:ratio{slo="' + slo.slo + '"})',
        { warn: 1 - budget.warn, bad: 1 - budget.bad }
      )
      for slo in ctx.slos
    ] + [
      share(
        'quota ' + quota.name,
        quota.title + ': quota',
        'max(quota:used:ratio{quota="' + quota.name + '"})',
        ctx.limits.capacity
      )
      for quota in ctx.quotas
    ] + [
      share(
        'files',
        'Exporter: open files',
        'max(process_open_fds / process_max_fds and on (job, instance) platform_exporter_build_info)',
        ctx.limits.capacity
      ),
    ];
    local steps = ctx.limits.steps_of;
    local links = [if std.length(ctx.postgres) > 0 then ctx.links.to('postgres'), ctx.links.technical];
    local what = 'Share of each limit that is used now: connections, error budgets, quotas, files.';
    local each(expr) = std.join(' or ', [
      'label_replace(' + expr(s) + ', "share", "' + s.name + '", "", "")'
      for s in shares
    ]);
    [
      // As high as it may be, a panel has room for so many bars that their names and numbers can be read.
      if std.length(shares) >= 10 then panels.table(
        'capacity/now',
        'How full is it?',
        what=what + ' What is nearest to its end stands first.',
        good='Fine: each has limits of its own, those that alert.',
        act='Plan: make more of it this week. Act: raise the limit or use less, today.',
        targets=[
          t.table(each(function(s) s.expr)),
          t.table(each(function(s) std.join(' + ', [
            '(' + s.expr + ' >= bool ' + numbers.text(limit, 9) + ')'
            for limit in [s.limits.warn, s.limits.bad]
          ]))),
          // So that what is not known has its row.
          t.table(each(function(s) 'vector(1)')),
        ],
        join='share',
        unit='percentunit',
        columns=[['share', 'Limit'], ['Value #A', 'Used'], ['Value #B', 'State']],
        sort=['State', 'Used'],
        most=['State', 'Used'],
        links=links,
        wish=10,
        height=14,
        decimals=0,
        noValue='not known',
        overrides=[
          panels.named('Limit', { 'custom.minWidth': 202, mappings: panels.titled([[s.name, s.title] for s in shares]) }),
          panels.named('State', {
            mappings: panels.words([[0, 'Fine', colours.good], [1, 'Plan', colours.warn], [2, 'Act', colours.bad]]),
            'custom.cellOptions': { type: 'color-text' },
          }),
        ],
      ) else panels.bars(
        'capacity/now',
        'How full is it?',
        what=what,
        good='Green: each has limits of its own, those that alert.',
        act='Orange: plan more of it this week. Orange-red: raise the limit or use less, today.',
        targets=[t.instant(s.expr + ' or vector(NaN)', s.title) for s in shares],
        unit='percentunit',
        links=links,
        wish=10,
        height=std.max(7, std.min(14, 2 + 2 * std.length(shares))),
        max=1,
        decimals=0,
        names='top',
        alone=if std.length(shares) == 1 then shares[0].title else null,
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
        links=links,
        wish=14,
        fill=0,
        max=1,
        thresholds=steps(ctx.limits.capacity),
      ),
    ],
}
