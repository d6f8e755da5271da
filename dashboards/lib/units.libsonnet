// Units: the Grafana units that panels may use (Grafana prints bare numbers for one it does not know),
// and the translation from Prometheus' base units, as metrics carry them.
local known = [
  'short',
  'none',
  'percentunit',
  's',
  'ms',
  'bytes',
  'Bps',
  'reqps',
  'ops',
  'currencyUSD',
  'currencyEUR',
  'dateTimeFromNow',
  'suffix:×',
  'suffix: /min',
  'suffix: /h',
];

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
    if std.member(known, unit) then unit else error '%s: unit "%s" is none of %s' % [who, unit, std.join(', ', known)],

  // Unit of a metric of the catalogue: as declared, else as its name says (business_mrr_dollars → currencyUSD).
  of(metric)::
    local declared = std.get(metric, 'unit', '');
    local named = [
      base
      for base in std.objectFields(from_base)
      if base != '' && std.strReplace(metric.name, '_' + base, '') != metric.name
    ];
    local base = if declared != '' && declared != null then declared else if named != [] then named[0] else '';
    $.check(std.get(from_base, base, base), metric.name),

  money(unit):: std.startsWith(unit, 'currency'),

  // Can values of this unit be added up over labels? Counts, bytes and money can; durations and shares cannot.
  additive(unit):: !std.member(['s', 'ms', 'percentunit'], unit),
}
