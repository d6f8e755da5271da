// Units: the Grafana units that panels may use (Grafana prints bare numbers for one it does not know),
// and the translation from Prometheus' base units, as metrics carry them.
local known = {
  short: 1,
  sishort: 1,
  none: 1,
  locale: 1,
  string: 1,
  percentunit: 1,
  percent: 1,
  s: 1,
  ms: 1,
  'µs': 1,
  ns: 1,
  m: 1,
  h: 1,
  d: 1,
  dtdurations: 1,
  dthms: 1,  // an axis of s goes by tens, and 200 of them would be "3.33 mins"
  dateTimeFromNow: 1,
  dateTimeAsIso: 1,
  bytes: 1,
  decbytes: 1,
  Bps: 1,
  binBps: 1,
  bps: 1,
  reqps: 1,
  ops: 1,
  rps: 1,
  cps: 1,
  iops: 1,
  bool_yes_no: 1,
  bool_on_off: 1,
  celsius: 1,
};
local families = ['currency', 'suffix:', 'prefix:', 'si:', 'count:', 'time:'];

local from_base = {
  '': 'short',
  seconds: 's',
  bytes: 'bytes',
  ratio: 'percentunit',
  dollars: 'currencyUSD',
  euros: 'currencyEUR',
};

local check(unit, who) =
  local begins(family) = std.primitiveEquals(std.substr(unit, 0, std.length(family)), family);
  if std.objectHasEx(known, unit, false) || std.length(std.filter(begins, families)) > 0 then unit
  else error who + ': "' + unit + '" is no unit of Grafana; want '
             + std.join(', ', std.objectFields(known)) + ', ' + std.join('…, ', families) + '…';

local base(unit, who) = check(std.get(from_base, unit, unit), who);

{
  check:: check,

  // A base unit or a Grafana unit as Grafana's.
  base:: base,

  // Unit of a metric of the catalogue: as declared, else as its name says (business_mrr_dollars → currencyUSD).
  of(metric)::
    local declared = std.get(metric, 'unit');
    local named = [
      name
      for name in std.objectFields(from_base)
      if name != '' && std.strReplace(metric.name, '_' + name, '') != metric.name
    ];
    base(
      if declared != null && declared != '' then declared else if std.length(named) == 0 then '' else named[0],
      metric.name
    ),

  money(unit):: std.startsWith(unit, 'currency'),

  // What a name is followed by where a column has no unit: ", $".
  sign(unit)::
    local signs = { currencyUSD: '$', currencyEUR: '€' };
    if self.money(unit) then ', ' + std.get(signs, unit, unit[8:]) else '',

  // Can values of this unit be added up over labels? Counts, bytes and money can; durations and shares cannot.
  additive(unit):: !std.objectHasEx({ s: 1, ms: 1, dthms: 1, percentunit: 1 }, unit, false),
}
