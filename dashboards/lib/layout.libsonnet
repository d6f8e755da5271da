// Places panels on Grafana's grid of 24 columns. A section is
//   { title, collapsed, lines: [[panel, …], …] }
// and each line is read from left to right. Lines always fill the width: what a platform does not have is left out
// and its neighbours grow. All panels of a line are as high as the highest, so that no holes appear, and on a phone,
// where Grafana stacks them, the order stays that of reading.
local columns = 24;

// Widths in columns for panels of wished widths, in the same proportion, adding up to 24.
local widths(panels) =
  local wished = [p.wish for p in panels];
  local total = std.foldl(function(a, b) a + b, wished, 0);
  local edge(i) = std.round(columns * std.foldl(function(a, b) a + b, wished[0:i], 0) / total);
  [edge(i + 1) - edge(i) for i in std.range(0, std.length(panels) - 1)];

local lefts(ws) = [std.foldl(function(a, b) a + b, ws[0:i], 0) for i in std.range(0, std.length(ws) - 1)];

local place(line, y) =
  local ws = widths(line);
  local xs = lefts(ws);
  local height = std.foldl(function(a, p) std.max(a, p.height), line, 0);
  {
    height: height,
    panels: [
      line[i] { gridPos: { x: xs[i], y: y, w: ws[i], h: height } }
      for i in std.range(0, std.length(line) - 1)
    ],
  };

local placeLines(lines, y, done=[]) =
  if lines == [] then { y: y, panels: done }
  else
    local placed = place(lines[0], y);
    placeLines(lines[1:], y + placed.height, done + placed.panels) tailstrict;

local header(section, y, children) = {
  type: 'row',
  key:: 'row/' + section.title,
  title: section.title,
  collapsed: section.collapsed,
  gridPos: { x: 0, y: y, w: columns, h: 1 },
  panels: children,
};

local placeSections(sections, y=0, done=[]) =
  if sections == [] then done
  else
    local section = sections[0];
    local titled = section.title != '';
    local placed = placeLines(section.lines, if titled then y + 1 else y);
    local panels =
      if !titled then placed.panels
      else if section.collapsed then [header(section, y, placed.panels)]
      else [header(section, y, [])] + placed.panels;
    local next = if section.collapsed then y + 1 else placed.y;
    placeSections(sections[1:], next, done + panels) tailstrict;

{
  // A section with a heading; `null` panels and lines that became empty are dropped.
  section(title, lines, collapsed=false)::
    local kept = [[p for p in line if p != null] for line in lines];
    { title: title, collapsed: collapsed, lines: [line for line in kept if line != []] },

  // Panels of equal rank, broken into as few lines of at most `most` as possible, of as equal length as possible.
  spread(panels, most)::
    local n = std.length(panels);
    local count = std.ceil(n / most);
    local from(i) = std.ceil(i * n / count);
    if n == 0 then [] else [panels[from(i):from(i + 1)] for i in std.range(0, count - 1)],

  // Sections to panels with gridPos, in reading order. Empty sections vanish.
  panels(sections):: placeSections([s for s in sections if s.lines != []]),
}
