// One source with its indices: the rows of each moment and track, and the parts of each track. A moment is the index of a tracked frame.

const BOX_STEPS = 8, SCORE_STEPS = 1000, TIME_STEPS = 10000;
const KINDS = [
  { key: "switch", title: "Switches", one: "switch" },
  { key: "fragment", title: "Fragmentations", one: "fragmentation" },
  { key: "miss", title: "Misses", one: "miss" },
  { key: "false", title: "False positives", one: "false positive" },
  { key: "first", title: "Only first", one: "only first" },
  { key: "second", title: "Only second", one: "only second" },
  { key: "differ", title: "Other identity", one: "other identity" },
];
const TRUTH_KINDS = 4;

// Groups rows by a column of small integers: the rows of n are order[starts[n]] .. order[starts[n + 1] - 1].
function groupBy(column, count) {
  const starts = new Uint32Array(count + 1);
  for (const value of column) starts[value + 1]++;
  for (let i = 0; i < count; i++) starts[i + 1] += starts[i];
  const next = starts.slice(0, count), order = new Uint32Array(column.length);
  for (let i = 0; i < column.length; i++) order[next[column[i]]++] = i;
  return { starts, order };
}

// [first, last] of each stretch of consecutive moments of a track, as one flat array.
function stretches(moments, start, end) {
  const found = [];
  for (let i = start; i < end; i++) {
    if (i > start && moments[i] === moments[i - 1] + 1) found[found.length - 1] = moments[i];
    else found.push(moments[i], moments[i]);
  }
  return found;
}

async function loadSource(data) {
  const rows = await unpack(data.rows);
  const count = data.tracks.ids.length;
  const source = {
    ...data,
    rows,
    byMoment: groupBy(rows.moment, data.frames),
    byTrack: groupBy(rows.track, count),
    visible: new Uint8Array(count).fill(1),
    hasTruth: data.truth !== null,
  };
  source.times = new Float64Array(data.frames);
  const times = data.times ? (await unpack(data.times)).time : new Int32Array(0);
  source.filmed = Math.min(times.length, data.frames);
  for (let i = 0; i < data.frames; i++) {
    source.times[i] = i < times.length ? times[i] / TIME_STEPS
      : (i ? source.times[i - 1] + 1 / data.rate : 0);
  }
  source.parts = data.tracks.ids.map((_, n) => stretches(rows.moment, source.byTrack.starts[n], source.byTrack.starts[n + 1]));
  source.wrong = new Uint32Array(count);
  if (rows.wrong) rows.wrong.forEach((wrong, i) => { source.wrong[rows.track[i]] += wrong; });
  if (source.hasTruth) {
    source.trueCounts = (await unpack(data.truth.counts)).count;
    source.missed = await unpack(data.truth.missed);
    source.missedByMoment = groupBy(source.missed.moment, data.frames);
  }
  const parts = [];
  if (source.hasTruth) parts.push([0, await unpack(data.truth.events)]);
  if (data.differences) parts.push([TRUTH_KINDS, await unpack(data.differences)]);
  source.kinds = new Set([...(source.hasTruth ? [0, 1, 2, 3] : []), ...(data.differences ? [4, 5, 6] : [])]);
  source.events = joinEvents(parts);
  return source;
}

// Errors and differences in one list by time; the columns of each kind as content.py and differences.py describe them.
function joinEvents(parts) {
  const events = { length: 0, kind: [], first: [], last: [], part: [], at: [] }, all = [];
  parts.forEach(([offset, columns], part) => { for (let i = 0; i < columns.length; i++) all.push([columns.first[i], columns.kind[i] + offset, columns.last[i], part, i]); });
  all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const [first, kind, last, part, i] of all) { events.first.push(first); events.kind.push(kind); events.last.push(last); events.part.push(part); events.at.push(i); }
  events.length = all.length;
  events.columns = parts.map(([, columns]) => columns);
  return events;
}

const frameNumber = (source, moment) => source.start + source.every * moment + 1;
const momentOf = (source, number) => Math.round((number - 1 - source.start) / source.every);

function clockText(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

// The last tracked frame shown at a time of the video.
function momentAt(source, seconds) {
  const { times, filmed } = source;
  let low = 0, high = Math.max(0, filmed - 1);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= seconds + 0.001) low = middle; else high = middle - 1;
  }
  return low;
}

function countsOf(source) {
  const counts = new Uint16Array(source.frames);
  const { track, moment } = source.rows;
  for (let i = 0; i < moment.length; i++) counts[moment[i]] += source.visible[track[i]];
  return counts;
}
