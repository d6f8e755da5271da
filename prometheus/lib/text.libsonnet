// Text with named places. std.format is interpreted character by character (14 µs each under C++ jsonnet, a second for
// a hundred descriptions); std.strReplace is native.

// Object of words → array of [place, word]: C++ jsonnet computes an object's field at every look, an array's item once.
local places(words) = [
  ['%(' + name + ')s', '' + words[name]]
  for name in std.objectFields(words)
];

// No text of ours has it.
local separator = '\u0000';
local has_places(text) = std.strReplace(text, '%(', '') != text;

{
  places:: places,

  // 'a %(word)s b' with every place filled, for an array of texts; a place without a word is an error that shows the text.
  // One pass over all of them: a step of std.foldl takes longer than to replace.
  fill(templates, places)::
    local filled = std.split(
      std.foldl(
        function(text, place) std.strReplace(text, place[0], place[1]), places, std.join(separator, templates)
      ), separator
    );
    local without = std.filter(has_places, filled);
    if without == [] then filled else error 'no word for a place in: ' + without[0],

  // A text block as one paragraph. The separator marks its end: std.endsWith is Jsonnet itself.
  paragraph(block)::
    std.strReplace(
      std.strReplace(std.strReplace(block + separator, '\n' + separator, ''), separator, ''), '\n', ' '
    ),
}
