// Numbers as people read them. C++ Jsonnet prints 0.1 as 0.10000000000000001, and its std.format costs half a
// millisecond for every "%g": these add strings.

// `whole` thousandths (or so) with `places` digits after the point, without zeros at its end: 14400, 3 → "14.4".
local point(whole, places) =
  local tenth = std.floor(whole / 10);
  if places == 0 then '' + whole
  else if tenth * 10 == whole then point(tenth, places - 1)
  else
    local digits = '' + (std.pow(10, places) + whole);  // at least one digit before the point
    local n = std.length(digits) - places;
    local units = std.floor(whole / std.pow(10, places));
    '' + units + '.' + std.substr(digits, n, places);

local text(x, places=3) =
  local size = std.abs(x);
  local zeros = -std.floor(std.log(size) / std.log(10));
  // What is small has three digits of its own, or 0.0004 would be 0.
  local digits = if size == 0 || size >= 1 then places else std.max(places, std.min(12, zeros + 2));
  local whole = std.round(size * std.pow(10, digits));
  (if x < 0 && whole > 0 then '−' else '') + point(whole, digits);

// As exact as the line that Grafana draws at it: 150 are 2.5 min.
local seconds(x) =
  if x < 1 then text(x * 1000) + ' ms'
  else if x < 120 then text(x) + ' s'
  else if x < 7200 then text(x / 60, 2) + ' min'
  else if x < 172800 then text(x / 3600, 2) + ' hours'
  else text(x / 86400, 2) + ' days';

{
  // 14.4 → "14.4", at most `places` digits after the point; below 1 as many as three digits need.
  text:: text,

  // 0.995 → "99.5 %".
  percent(x):: text(x * 100, 4) + ' %',

  // 0.2 → "200 ms", 7200 → "2 hours".
  seconds:: seconds,

  // A number in the words of a Grafana unit, as far as they are known here.
  of(x, unit)::
    if unit == 'percentunit' then text(x * 100, 4) + ' %'
    else if unit == 's' then seconds(x)
    else if std.startsWith(unit, 'suffix:') then text(x) + std.substr(unit, 7, 99)
    else text(x),
}
