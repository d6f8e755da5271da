// Alertmanager's matchers, as text.

local meta = std.stringChars('\\.+*?()[]{}|^$');

// Alertmanager's old parser and its new one read these escapes alike.
local quoted(value) =
  local escapes = [['\\', '\\\\'], ['"', '\\"'], ['\n', '\\n']];
  '"' + std.foldl(function(text, escape) std.strReplace(text, escape[0], escape[1]), escapes, value) + '"';

local literally(value) = std.foldl(function(text, c) std.strReplace(text, c, '\\' + c), meta, value);

{
  // The matcher of one value, whatever it holds.
  equal(label, value):: label + ' = ' + quoted(value),

  // The matcher of any other value.
  unequal(label, value):: label + ' != ' + quoted(value),

  // The matcher of none of these values.
  none(label, values):: label + ' !~ ' + quoted(std.join('|', std.map(literally, values))),

  // One for each label of an object.
  all(labels):: [$.equal(label, labels[label]) for label in std.objectFields(labels)],

  // The matcher of any of these values.
  any(label, values)::
    if std.length(values) == 1 then $.equal(label, values[0])
    else label + ' =~ ' + quoted(std.join('|', std.map(literally, values))),
}
