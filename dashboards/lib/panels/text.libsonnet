// Prose for the reader. It asks no data source and has no unit.
local panel = import 'panel.libsonnet';

{
  text(key, title, description, content, links=[], wish=24, height=6):: {
    type: 'text',
    key:: key,
    wish:: wish,
    height:: height,
    title: title,
    description: panel.sentence(description, 'description', key),
    links: links,
    options: { mode: 'markdown', content: content },
    fieldConfig: { defaults: {}, overrides: [] },
  },
}
