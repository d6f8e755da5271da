// Do the machines have room to work? From node_exporter, where there is one.

local each(catalogue, part) =
  if std.length(catalogue.monitoring.node_exporters) == 0 then []
  else [part { service: 'node' }];

// What people store on; the rest is memory, images and mounts of others.
local disks = '{job="node", fstype!~"tmpfs|ramfs|squashfs|overlay|iso9660|nsfs|fuse.*"}';

function(catalogue) {
  NodeDown: {
    'for': '3m',
    priority: 'p2',
    kind: 'cause',
    rules: each(catalogue, {
      expr: 'max by (instance) (up{job="node"}) == 0\nor\nabsent(up{job="node"})',
      value: '{{ if $value }}no such target{{ else }}no answer{{ end }}',
      threshold: 'no answer for %(for)s',
      summary: 'A machine does not answer.',
      description: '{{ if $value }}Prometheus has had no target of the job node{{ else }}node_exporter on {{ $labels.instance }} has not answered{{ end }} for %(for)s.',
      impact: 'The machine is down, cut off or starved; what runs on it is too.',
      action: "Log in, or look at it in the provider's console; restart node_exporter if only that is gone.",
      panel: 'exporter/targets',
    }),
  },

  CpuHigh: {
    'for': '15m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.9',
    warn: '0.8',
    rules: each(catalogue, {
      expr: '1 - avg by (instance) (rate(node_cpu_seconds_total{job="node", mode="idle"}[5m])) > %(threshold)s',
      value: '%(value)s busy',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A machine has little CPU time left.',
      description: '{{ $labels.instance }} has been over %(limit)s busy for %(for)s, now %(value)s.',
      impact: 'Everything on it gets slower, time-outs come next.',
      action: 'Find the process that takes it (top, pidstat 5), then decide: limit it, move it, or a larger machine.',
      panel: 'resources/cpu',
    }),
  },

  MemoryHigh: {
    'for': '15m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.9',
    warn: '0.8',
    rules: each(catalogue, {
      expr: |||
        1 - node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes{job="node"} > %(threshold)s
      |||,
      value: '%(value)s in use',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A machine has little memory left.',
      description: '%(value)s of the memory of {{ $labels.instance }} is in use, over %(limit)s for %(for)s.',
      impact: 'The kernel ends the largest process when nothing is left, often the database.',
      action: 'See what grows (ps aux --sort=-rss | head), restart what leaks, or give the machine more.',
      panel: 'resources/memory',
    }),
  },

  DiskFull: {
    'for': '5m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.9',
    warn: '0.8',
    rules: each(catalogue, {
      expr: '1 - node_filesystem_avail_bytes' + disks + ' / node_filesystem_size_bytes' + disks + ' > %(threshold)s',
      value: '%(value)s full',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A file system is nearly full.',
      description: '{{ $labels.mountpoint }} on {{ $labels.instance }} is %(value)s full.',
      impact: 'At 100% whatever writes there stops: databases first, then logs and deployments.',
      action: 'Find the largest folders (du -xh --max-depth=2), remove old logs and images, enlarge the disk.',
      panel: 'resources/disk',
    }),
  },

  DiskFillsSoon: {
    'for': '1h',
    priority: 'p3',
    kind: 'capacity',
    unit: 'ratio',
    // A level below which no forecast is worth a message.
    threshold: '0.6',
    rules: each(catalogue, {
      expr:
        'predict_linear(node_filesystem_avail_bytes' + disks + '[6h], 86400) < 0\nand\n'
        + '1 - node_filesystem_avail_bytes' + disks + ' / node_filesystem_size_bytes' + disks + ' > %(threshold)s',
      value: '{{ $value | humanize1024 }}B free in a day',
      threshold: 'full within a day at the pace of six hours, and over %(limit)s now',
      summary: 'A file system will be full within a day.',
      description: 'At the pace of the last six hours {{ $labels.mountpoint }} on {{ $labels.instance }} is full within a day.',
      impact: 'None yet.',
      action: 'Find what grows and stop it; enlarge the disk while there is time.',
      panel: 'resources/disk',
    }),
  },
}
