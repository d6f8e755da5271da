// Colours by meaning. The hues are those of Okabe and Ito (2008), told apart by all common forms of colour
// blindness; a colour still never stands alone: words, thresholds or legends say the same.
local hue = {
  sky: '#56B4E9',
  blue: '#0072B2',
  green: '#009E73',
  yellow: '#F0E442',
  orange: '#E69F00',
  amber: '#F5B83D',  // the orange again, as bright as to be written on in black
  vermillion: '#D55E00',
  purple: '#CC79A7',
  plum: '#8C4A73',  // the purple again, as dark as to be told from it
  grey: '#8E9297',
  azure: '#3A97DB',  // between sky and blue, to be read on a dark and on a white page
};

local meaning = {
  good: hue.green,
  warn: hue.orange,
  warn_ground: hue.amber,  // behind words
  bad: hue.vermillion,
  unknown: hue.grey,
  neutral: hue.azure,  // neither good nor bad
  accent: hue.purple,
  limit: hue.vermillion,
  before: hue.grey,  // the same quantity in an earlier period
  letters: 'text',  // Grafana's own: white on a dark page, black on a white one
};

// Words that series are named after, in vendors' documents, in Postgres and in teams' own SQL; by the label they stand in.
local outcomes = {
  completed: meaning.good,
  succeeded: meaning.good,
  success: meaning.good,
  healthy: meaning.good,
  failed: meaning.bad,
  errors: meaning.bad,
  unhealthy: meaning.bad,
  scriptThrewException: meaning.bad,
  exceededResources: meaning.warn,
  internalError: hue.purple,
  clientDisconnected: meaning.unknown,
  responseStreamDisconnected: hue.blue,
  missed: meaning.warn,
  cancelled: meaning.warn,
  canceled: meaning.warn,
  no_answer: meaning.warn,
  busy: hue.purple,
  in_progress: meaning.neutral,
  ringing: hue.yellow,
};
local sessions = {
  active: meaning.neutral,
  idle: meaning.unknown,
  waiting: meaning.warn,
  'idle in transaction': meaning.warn,
  'idle in transaction (aborted)': meaning.bad,
};
local plans = {
  free: meaning.unknown,
  trial: hue.yellow,
  basic: hue.sky,
  starter: hue.sky,
  pro: hue.blue,
  team: hue.blue,
  business: hue.plum,
  enterprise: hue.purple,
};
local quantiles = { p50: hue.sky, p95: hue.orange, p99: hue.vermillion };
local labels = {
  status: outcomes,
  outcome: outcomes,
  result: outcomes,
  state: sessions,
  plan: plans,
  tier: plans,
  quantile: quantiles,
};

// For things that are merely different: enough for the Workers or sources of a platform; green stays for what is good,
// red for what is wrong. The first four are told apart as thin lines, on white too.
local different = [hue.sky, hue.orange, hue.purple, hue.blue, hue.plum, hue.yellow, hue.grey];

local plain = different[:4];
local palette = { [hue[name]]: name for name in std.objectFields(hue) };
local words = outcomes + sessions + plans + quantiles;

hue + meaning + {
  // `colour` if it is one of these, else an error that names `who`.
  check(colour, who)::
    if std.objectHasEx(palette, colour, false) then colour
    else error who + ': ' + std.toString(colour) + ' is no colour of lib/colours.libsonnet',

  different: different,
  plain: plain,
  words: words,
  // The words that are usual in a label; none for a label that is not known here.
  of_label(label):: std.objectFields(std.get(labels, label, {})),
}
