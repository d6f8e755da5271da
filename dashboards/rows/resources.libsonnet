// The machines, from node_exporter: use, saturation and room of what they have.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// What people store on; the rest is memory, images and mounts of others.
local disks = '{job="node", fstype!~"tmpfs|ramfs|squashfs|overlay|iso9660|nsfs|fuse.*"}';

// Series by machine that end with what was measured: a hue for each measure, a shade for each machine.
local ending(word, colour) = {
  matcher: { id: 'byRegexp', options: '/' + word + '$/' },
  properties: [{ id: 'color', value: { mode: 'shades', fixedColor: colour } }],
};
local flows = [
  ending('(received|read)', colours.neutral),
  ending('(sent|written)', colours.accent),
];

local share(ctx, key, title, alert, what, act, expr, legend) =
  local limits = ctx.limits.both(alert);
  panels.timeseries(
    'resources/' + key,
    title,
    what=what + ' Dashed: what alerts.',
    good='Under ' + numbers.percent(limits.warn) + '.',
    act=act,
    targets=[t.range(expr, legend)],
    unit='percentunit',
    links=[ctx.links.runbook(alert), ctx.links.operations],
    wish=8,
    height=7,
    max=1,
    fill=0,
    overrides=panels.by_name,
    thresholds=ctx.limits.steps_of(limits),
  );

local flow(ctx, key, title, what, good, act, targets, alert) = panels.timeseries(
  'resources/' + key,
  title,
  what=what,
  good=good,
  act=act,
  targets=targets,
  unit='Bps',
  links=[ctx.links.runbook(alert), ctx.links.technical],
  wish=12,
  height=7,
  fill=0,
  overrides=flows,
);

function(ctx) layout.section('Machines', if !ctx.machines then [] else [
  [
    share(
      ctx,
      'cpu',
      'CPU',
      'CpuHigh',
      'Share of the CPU time in use, by machine.',
      'Find the process that takes it, then decide: limit it, move it, or a larger machine.',
      '1 - avg by (instance) (rate(node_cpu_seconds_total{job="node", mode="idle"}[$__rate_interval]))',
      '{{instance}}'
    ),
    share(
      ctx,
      'memory',
      'Memory',
      'MemoryHigh',
      'Share of the memory in use, by machine; caches that can be dropped do not count.',
      'See what grows, restart what leaks, or give the machine more.',
      '1 - node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes{job="node"}',
      '{{instance}}'
    ),
    share(
      ctx,
      'disk',
      'Disk',
      'DiskFull',
      'Share of each file system in use.',
      'Remove old logs and images, or enlarge the disk before it is full.',
      '1 - node_filesystem_avail_bytes' + disks + ' / node_filesystem_size_bytes' + disks,
      '{{instance}} {{mountpoint}}'
    ),
  ],
  [
    flow(
      ctx,
      'network',
      'Network',
      'Bytes per second that each machine received and sent.',
      'Moves with traffic.',
      'Much more than traffic explains: a backup, a copy that runs behind, or abuse.',
      [
        t.range('sum by (instance) (rate(node_network_receive_bytes_total{job="node", device!="lo"}[$__rate_interval]))', '{{instance}} received'),
        t.range('sum by (instance) (rate(node_network_transmit_bytes_total{job="node", device!="lo"}[$__rate_interval]))', '{{instance}} sent'),
      ],
      'NodeDown'
    ),
    flow(
      ctx,
      'io',
      'Disk reads and writes',
      'Bytes per second that each machine read from and wrote to its disks.',
      'Moves with traffic; reads are few while the working set fits into memory.',
      'Reads that rise: memory has become too small. Writes that rise: look at the write-ahead log.',
      [
        t.range('sum by (instance) (rate(node_disk_read_bytes_total{job="node"}[$__rate_interval]))', '{{instance}} read'),
        t.range('sum by (instance) (rate(node_disk_written_bytes_total{job="node"}[$__rate_interval]))', '{{instance}} written'),
      ],
      'DiskFillsSoon'
    ),
  ],
])
