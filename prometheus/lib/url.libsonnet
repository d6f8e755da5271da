// The parts of a base URL that a scrape or alerting target wants apart.

local trim(url) = if std.endsWith(url, '/') then std.substr(url, 0, std.length(url) - 1) else url;

{
  // Without the slash at its end, so that paths can be appended.
  trim:: trim,

  // http://host:9090/prefix → {scheme: 'http', host: 'host:9090', path: '/prefix'}; path is '' at the root.
  parse(url)::
    local parts = std.splitLimit(url, '://', 1);
    local rest = if std.length(parts) == 2 then parts[1] else error url + ': a URL begins with http:// or https://';
    local slash = std.splitLimit(rest, '/', 1);
    {
      scheme: parts[0],
      host: slash[0],
      path: if std.length(slash) == 2 && slash[1] != '' then '/' + trim(slash[1]) else '',
    },
}
