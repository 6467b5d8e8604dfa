// Elements, formats and requests that every page uses.

export function byId(id) { return document.getElementById(id); }

export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) { bytes /= 1000; power += 1; }
  return `${power && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[power]}`;
}

export function clock(seconds) {
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), rest = String(whole % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

// Of jobs that have not ended and do not run.
export const WAITING = new Set(["held", "queued"]);
export const ENDED = new Set(["done", "failed", "cancelled", "interrupted"]);

export function fractionDone(job) {
  if (job.state === "done") return 1;
  return job.frame_total ? Math.min(1, job.frames / job.frame_total) : null;
}

// "1:20 left" of a job that runs and whose length is known, or null.
export function timeLeft(job) {
  if (job.state !== "running" || job.stage !== "track" || !job.frame_total || job.frames < 5) return null;
  return `${clock(Math.max(0, job.seconds * (job.frame_total - job.frames) / job.frames))} left`;
}

// When a waiting job starts, at the rate of those that run; null: unknown. `jobs` are in the order of the queue.
export function secondsToStart(job, jobs, workers) {
  const running = jobs.filter((other) => other.state === "running");
  const frames = running.reduce((sum, other) => sum + other.frames, 0), seconds = running.reduce((sum, other) => sum + other.seconds, 0);
  if (job.state !== "queued" || frames < 5) return null;
  let left = 0;
  for (const other of [...running, ...jobs.filter((each) => each.state === "queued" && each.created < job.created)]) {
    if (!other.frame_total) return null;
    left += Math.max(0, other.frame_total - (other.state === "running" ? other.frames : 0));
  }
  return left * seconds / frames / workers;
}

export function stateText(job) {
  if (job.state !== "running") return { held: "held", queued: "waiting", done: "done", failed: "failed", cancelled: "cancelled", interrupted: "interrupted" }[job.state];
  if (job.stage === "open") return "opening";
  if (job.stage === "report") return "writing the report";
  const fraction = fractionDone(job);
  return fraction === null ? `frame ${job.frames}` : `${Math.floor(fraction * 100)} %`;
}

export async function request(method, path, body) {
  const answer = await fetch(path, body === undefined ? { method } : {
    method, headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error(await reason(answer.status, await answer.text()));
  return answer.status === 204 ? null : answer.json();
}

export function reason(status, text) {
  try {
    return JSON.parse(text).detail;
  } catch { return `the server refused (${status})`; }
}
