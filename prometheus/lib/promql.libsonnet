// PromQL text: matchers that stay readable for one value and correct for many.

local meta = std.stringChars('.+*?()[]{}|^$');
local escape_regex(value) = std.foldl(
  function(text, c) std.strReplace(text, c, '\\\\' + c), meta, std.strReplace(value, '\\', '\\\\\\\\')
);

{
  // The matcher of one value, whatever it holds.
  equal(label, value):: label + '=' + std.escapeStringJson(value),

  // The matcher of whatever is none of these values.
  none(label, values):: label + '!~"' + std.join('|', [escape_regex(value) for value in values]) + '"',

  // script_name="api" for one value, script_name=~"api|web" for several.
  matcher(label, values)::
    if std.length(values) == 1
    then label + '="' + values[0] + '"'
    else label + '=~"' + std.join('|', [escape_regex(value) for value in values]) + '"',
}
