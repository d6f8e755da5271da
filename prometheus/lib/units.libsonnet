// How a number is written for people, inside the templates of alerts: as value of the alert, and as its threshold.

local unit(format, suffix='') = {
  value: '{{ $value | ' + format + ' }}' + suffix,
  limit(number):: '{{ ' + format + ' ' + number + ' }}' + suffix,
};

{
  ratio: unit('humanizePercentage'),
  seconds: unit('humanizeDuration'),
  bytes: unit('humanize1024', 'B'),
  // Times normal: 2 is twice as much.
  factor: { value: '{{ printf "%.1f" $value }} times', limit(number):: number + ' times' },
  // Events that increase() counts: it extrapolates, and nobody has 1.005 deadlocks.
  count: { value: '{{ printf "%.0f" $value }}', limit(number):: number },
  number: { value: '{{ $value | humanize }}', limit(number):: number },
}
