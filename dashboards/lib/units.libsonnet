// Units: the Grafana units that panels may use (Grafana prints bare numbers for one it does not know),
// and the translation from Prometheus' base units, as metrics carry them.
local known = [
  'short',
  'sishort',
  'none',
  'locale',
  'string',
  'percentunit',
  'percent',
  's',
  'ms',
  'µs',
  'ns',
  'm',
  'h',
  'd',
  'dtdurations',
  'dateTimeFromNow',
  'dateTimeAsIso',
  'bytes',
  'decbytes',
  'Bps',
  'binBps',
  'bps',
  'reqps',
  'ops',
  'rps',
  'cps',
  'iops',
  'bool_yes_no',
  'bool_on_off',
  'celsius',
];
local families = ['currency', 'suffix:', 'prefix:', 'si:', 'count:', 'time:'];

local from_base = {
  '': 'short',
  seconds: 's',
  bytes: 'bytes',
  ratio: 'percentunit',
  dollars: 'currencyUSD',
  euros: 'currencyEUR',
};

{
  check(unit, who)::
    if std.member(known, unit) || [f for f in families if std.startsWith(unit, f)] != [] then unit
    else error '%s: "%s" is no unit of Grafana; want %s or %s…' % [
      who,
      unit,
      std.join(', ', known),
      std.join('…, ', families),
    ],

  // Unit of a metric of the catalogue: as declared, else as its name says (business_mrr_dollars → currencyUSD).
  of(metric)::
    local declared = std.get(metric, 'unit');
    local named = [
      base
      for base in std.objectFields(from_base)
      if base != '' && std.strReplace(metric.name, '_' + base, '') != metric.name
    ];
    if declared != null && declared != '' then $.base(declared, metric.name)
    else $.base(if named == [] then '' else named[0], metric.name),

  // A base unit or a Grafana unit as Grafana's.
  base(unit, who):: $.check(std.get(from_base, unit, unit), who),

  money(unit):: std.startsWith(unit, 'currency'),

  // Can values of this unit be added up over labels? Counts, bytes and money can; durations and shares cannot.
  additive(unit):: !std.member(['s', 'ms', 'percentunit'], unit),
}
