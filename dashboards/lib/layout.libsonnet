// Places panels on Grafana's grid of 24 columns. A section is
//   { title, collapsed, lines: [[panel, …], …] }
// and each line is read from left to right. Lines always fill the width: what a platform does not have is left out
// and its neighbours grow. All panels of a line are as high as the highest, so that no holes appear, and on a phone,
// where Grafana stacks them, the order stays that of reading. In place of a panel a line may hold a stack of them, which
// stand below each other beside a high neighbour; the last of them fills what is left.
local columns = 24;

// [0, w1, w1+w2, …]: where each panel of a line begins, for panels of wished widths, in the same proportion.
local edges(wished) =
  local sums = std.foldl(function(done, w) done + [done[std.length(done) - 1] + w], wished, [0]);
  local total = sums[std.length(sums) - 1];
  [std.round(columns * sum / total) for sum in sums];

local place(line, y) =
  local stacks = [if std.isArray(p) then p else [p] for p in line];
  local xs = edges([stack[0].wish for stack in stacks]);
  local tall(stack) = std.foldl(function(sum, p) sum + p.height, stack, 0);
  local height = std.foldl(function(a, stack) std.max(a, tall(stack)), stacks, 0);
  local placed = std.flattenArrays(std.mapWithIndex(
    function(i, stack) std.mapWithIndex(
      function(k, p)
        local above = tall(stack[:k]);
        local own = if k + 1 == std.length(stack) then height - above else p.height;
        p { gridPos: { x: xs[i], y: y + above, w: xs[i + 1] - xs[i], h: own } },
      stack
    ),
    stacks
  ));
  // The order of panels is that of reading: those that hang lower come later.
  { height: height, panels: std.sort(placed, function(p) p.gridPos.y * columns + p.gridPos.x) };

local placeLines(lines, i, y, done) =
  if i == std.length(lines) then { y: y, panels: done }
  else
    local placed = place(lines[i], y);
    placeLines(lines, i + 1, y + placed.height, done + placed.panels) tailstrict;

local header(section, y, children) = {
  type: 'row',
  key:: 'row/' + section.title,
  title: section.title,
  collapsed: section.collapsed,
  gridPos: { x: 0, y: y, w: columns, h: 1 },
  panels: children,
};

local placeSections(sections, i, y, done) =
  if i == std.length(sections) then done
  else
    local section = sections[i];
    local titled = section.title != '';
    local placed = placeLines(section.lines, 0, if titled then y + 1 else y, []);
    local panels =
      if !titled then placed.panels
      else if section.collapsed then [header(section, y, placed.panels)]
      else [header(section, y, [])] + placed.panels;
    local next = if section.collapsed then y + 1 else placed.y;
    placeSections(sections, i + 1, next, done + panels) tailstrict;

{
  // A section with a heading; `null` panels and lines that became empty are dropped.
  section(title, lines, collapsed=false)::
    local kept = [[p for p in line if p != null] for line in lines];
    { title: title, collapsed: collapsed, lines: [line for line in kept if std.length(line) > 0] },

  // Panels of equal rank, broken into as few lines of at most `most` as possible, of as equal length as possible.
  spread(panels, most)::
    local kept = [p for p in panels if p != null];
    local n = std.length(kept);
    local count = std.ceil(n / most);
    local from(i) = std.ceil(i * n / count);
    if n == 0 then [] else [
      [kept[j] for j in std.range(from(i), from(i + 1) - 1)]
      for i in std.range(0, count - 1)
    ],

  // Sections to panels with gridPos, in reading order. Empty sections vanish.
  panels(sections):: placeSections([s for s in sections if std.length(s.lines) > 0], 0, 0, []),
}
