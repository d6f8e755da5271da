// The pooler in front of a database: do clients wait, and is the pool large enough?
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

function(ctx, source)
  local on = '{target="' + source.target + '"}';
  local key = 'pgbouncer/' + source.target + '/';
  local links = [ctx.links.runbook('DatabaseConnectionsHigh'), ctx.links.exporter];
  local pools(kind) = 'sum(pgbouncer_pools_' + kind + '_connections' + on + ')';
  local rate(metric) = 'sum(rate(pgbouncer_stats_totals_' + metric + '_total' + on + '[$__rate_interval]))';
  layout.section('Pooler: ' + source.title, [
    [
      panels.stat(
        key + 'up',
        'Pooler',
        what='Whether the admin console of the pooler answers.',
        good='Up.',
        act='Clients cannot connect either: look at its process and its log.',
        targets=[t.instant('pgbouncer_up' + on, 'pooler')],
        unit='none',
        links=links,
        wish=4,
        height=7,
        mappings=states.up,
        background=true,
        text='value',
        noValue='not read',
      ),
      panels.timeseries(
        key + 'clients',
        'Clients',
        what='Clients that are being served, and those that wait for a connection to the server.',
        good='Nobody waits.',
        act='Waiting: the pool is too small, or transactions are too long; see the server.',
        targets=[t.range(pools('client_active'), 'active'), t.range(pools('client_waiting'), 'waiting')],
        unit='short',
        links=links,
        wish=7,
        height=7,
        stack=true,
        decimals=0,
        overrides=panels.worded(['active', 'waiting']),
      ),
      panels.timeseries(
        key + 'servers',
        'Connections to the server',
        what='Connections that the pooler holds, by what they do.',
        good='Some idle ones left.',
        act='None idle while clients wait: raise the size of the pool, within max_connections.',
        targets=[t.range(pools('server_active'), 'active'), t.range(pools('server_idle'), 'idle')],
        unit='short',
        links=links,
        wish=7,
        height=7,
        stack=true,
        decimals=0,
        overrides=panels.worded(['active', 'idle']),
      ),
      panels.timeseries(
        key + 'wait',
        'Longest wait',
        what='How long the client that has waited longest has waited for a connection.',
        good='Zero.',
        act='Seconds: clients time out next; find what holds the connections.',
        targets=[t.range('max(pgbouncer_pools_client_maxwait_seconds' + on + ')', 'wait')],
        unit='s',
        links=links,
        wish=6,
        height=7,
        softMax=1,
        colour=colours.neutral,
        legend=false,
      ),
    ],
    [
      panels.timeseries(
        key + 'queries',
        'Queries and transactions',
        what='Queries and transactions per second through the pooler.',
        good='Moves with traffic.',
        act='None while the product has traffic: clients go round the pooler, or cannot reach it.',
        targets=[t.range(rate('queries_pooled'), 'queries'), t.range(rate('sql_transactions_pooled'), 'transactions')],
        unit='count:/s',
        links=links,
        wish=12,
        height=7,
        fill=0,
        overrides=[panels.painted('queries', colours.neutral), panels.painted('transactions', colours.accent)],
      ),
      panels.timeseries(
        key + 'time',
        'Time of a query, and waiting for a connection',
        what='Mean time of a query, and of the wait for a connection before it.',
        good='Waiting is a small part.',
        act='Waiting above the time of the query: the pool is the bottleneck.',
        targets=[
          t.range(rate('queries_duration_seconds') + ' / (' + rate('queries_pooled') + ' > 0)', 'query'),
          t.range(rate('client_wait_seconds') + ' / (' + rate('queries_pooled') + ' > 0)', 'waiting'),
        ],
        unit='s',
        links=links,
        wish=12,
        height=7,
        fill=0,
        overrides=[panels.painted('query', colours.neutral), panels.painted('waiting', colours.warn)],
      ),
    ],
  ])
