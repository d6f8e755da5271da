// Prometheus durations ("90s", "1h30m", "30d", "500ms") as seconds.

// `t` stands for ms, so that a unit is one letter.
local units = { w: 604800, d: 86400, h: 3600, m: 60, s: 1, t: 0.001 };

// "1h30m" → "1h 30m", so that each word is a number and a unit.
local parts(text) = [
  part
  for part in std.split(std.foldl(
    function(spaced, unit) std.strReplace(spaced, unit, unit + ' '), std.objectFields(units), std.strReplace(text, 'ms', 't')
  ), ' ')
  if part != ''
];

local part_seconds(text, part) =
  local last = std.length(part) - 1;
  if last > 0 && std.objectHas(units, part[last]) then std.parseInt(std.substr(part, 0, last)) * units[part[last]]
  else error 'duration ' + text + ': want numbers with a unit of w, d, h, m, s or ms';

{
  seconds(text):: std.sum([part_seconds(text, part) for part in parts(text)]),
}
