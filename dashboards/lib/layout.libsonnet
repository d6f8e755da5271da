// Places panels on Grafana's grid of 24 columns. A section is
//   { title, collapsed, lines: [[panel, …], …] }
// and each line is read from left to right. Lines always fill the width: what a platform does not have is left out
// and its neighbours grow. All panels of a line are as high as the highest, so that no holes appear, and on a phone,
// where Grafana stacks them, the order stays that of reading. In place of a panel a line may hold a stack of them, which
// stand below each other beside a high neighbour; the last of them fills what is left.
local columns = 24;

// [0, w1, w1+w2, …]: where each panel of a line begins, for panels of wished widths, in the same proportion.
local edges(wished) =
  local n = std.length(wished);
  local sums(i, sum, done) = if i >= n then done else sums(i + 1, sum + wished[i], done + [sum + wished[i]]) tailstrict;
  local all = sums(0, 0, [0]);
  [std.floor(columns * sum / all[n] + 0.5) for sum in all];

// Everything of a stack that stands above its panel k.
local above(stack, k) = if k <= 0 then 0 else above(stack, k - 1) + stack[k - 1].height;
local tall(stack) = above(stack, std.length(stack));
local tallest(stacks, i, height) =
  if i >= std.length(stacks) then height
  else
    local own = tall(stacks[i]);
    tallest(stacks, i + 1, if own > height then own else height) tailstrict;

local place(line, y) =
  local stacks = [if std.type(p) == 'array' then p else [p] for p in line];
  local xs = edges([stack[0].wish for stack in stacks]);
  local height = tallest(stacks, 0, 0);
  local placed = [
    local stack = stacks[i];
    local top = above(stack, k);
    local own = if k + 1 < std.length(stack) then stack[k].height else height - top;
    local grid = { x: xs[i], y: y + top, w: xs[i + 1] - xs[i], h: own };
    stack[k] { gridPos: grid }
    for i in std.range(0, std.length(stacks) - 1)
    for k in std.range(0, std.length(stacks[i]) - 1)
  ];
  // The order of panels is that of reading: those that hang lower come later.
  local sorted =
    if std.length(placed) > std.length(stacks) then std.sort(placed, function(p) p.gridPos.y * columns + p.gridPos.x) else placed;
  { height: height, panels: sorted };

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
    local there = std.filter(function(line) std.length(line) > 0, [
      std.filter(function(p) !std.primitiveEquals(p, null), line)
      for line in lines
    ]);
    { title: title, collapsed: collapsed, lines: there },

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
