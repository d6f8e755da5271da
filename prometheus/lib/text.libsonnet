// Text with named places. std.format is interpreted character by character (14 µs each under C++ jsonnet, a second for
// a hundred descriptions); std.strReplace is native.

// Object of words → array of [place, word]: C++ jsonnet computes an object's field at every look, an array's item once.
local places(words) = [
  ['%(' + name + ')s', '' + words[name]]
  for name in std.objectFields(words)
];

{
  places:: places,

  // 'a %(word)s b' with every place filled; a place without a word is an error that shows the text.
  fill(template, places)::
    local has_places(text) = std.strReplace(text, '%(', '') != text;
    if !has_places(template) then template
    else
      local text = std.foldl(function(text, place) std.strReplace(text, place[0], place[1]), places, template);
      if has_places(text) then error 'no word for a place in: ' + text else text,

  // A text block as one paragraph.
  paragraph(block)::
    local end = std.length(block) - 1;
    std.strReplace(if std.endsWith(block, '\n') then std.substr(block, 0, end) else block, '\n', ' '),
}
