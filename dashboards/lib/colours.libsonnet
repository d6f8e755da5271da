// Colours by meaning. The hues are those of Okabe and Ito (2008), told apart by all common forms of colour
// blindness; a colour still never stands alone: words, thresholds or legends say the same.
local hue = {
  sky: '#56B4E9',
  blue: '#0072B2',
  green: '#009E73',
  yellow: '#F0E442',
  orange: '#E69F00',
  vermillion: '#D55E00',
  purple: '#CC79A7',
  grey: '#8E9297',
};

local meaning = {
  good: hue.green,
  warn: hue.orange,
  bad: hue.vermillion,
  unknown: hue.grey,
  neutral: hue.sky,  // a quantity that is neither good nor bad
  accent: hue.purple,
  limit: hue.vermillion,
  before: hue.grey,  // the same quantity in an earlier period
};

// Words that series are named after, in vendors' documents, in Postgres and in teams' own SQL.
local words = {
  completed: meaning.good,
  succeeded: meaning.good,
  success: meaning.good,
  healthy: meaning.good,
  failed: meaning.bad,
  errors: meaning.bad,
  unhealthy: meaning.bad,
  scriptThrewException: meaning.bad,
  missed: meaning.warn,
  cancelled: meaning.warn,
  canceled: meaning.warn,
  no_answer: meaning.warn,
  busy: hue.purple,
  in_progress: meaning.neutral,
  ringing: hue.yellow,
  active: meaning.neutral,
  idle: meaning.unknown,
  waiting: meaning.warn,
  'idle in transaction': meaning.warn,
  'idle in transaction (aborted)': meaning.bad,
  'fastpath function call': hue.purple,
  disabled: hue.blue,
  p50: hue.sky,
  p95: hue.orange,
  p99: hue.vermillion,
};

hue + meaning + { words: words }
