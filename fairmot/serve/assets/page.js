// The application: the jobs as the server reports them, the selected one, shortcuts.

import { byId, clock, element, ENDED, fractionDone, request, secondsToStart, size, stateText, timeLeft, WAITING } from "/assets/format.js";
import { chosenOptions, fillTrackers, holds } from "/assets/options.js";
import { Setup } from "/assets/setup.js";
import { Uploads } from "/assets/uploads.js";
import { Viewer } from "/assets/viewer.js";

const jobs = new Map(), rows = new Map();
const viewer = new Viewer(new Setup((job) => { wished = false; take(job); }, refuse));
let workers = 1; // jobs at the same time
const uploads = new Uploads((job) => {
  take(job);
  added(job);
}, refuse);
let chosen = location.hash.slice(1);
let wished = chosen !== ""; // whether a person chose, or the page

// Who watches a job that runs goes on watching it; the new one waits. One that is held is there to be drawn on.
function added(job) {
  if (job.state === "held") { if (current()?.state !== "held") { wished = true; choose(job.id); } return; }
  if (current()?.state === "running" || current()?.state === "held") return;
  choose(runningJob()?.id ?? job.id);
}

function runningJob() { return newest().find((job) => job.state === "running"); }

function refuse(message) {
  byId("refused").textContent = message;
  byId("refused").hidden = !message;
}

function newest() { return [...jobs.values()].sort((a, b) => b.created.localeCompare(a.created)); }

function choose(id) {
  chosen = id;
  history.replaceState(null, "", id ? `#${id}` : location.pathname);
  render();
  rows.get(id)?.scrollIntoView({ block: "nearest" });
}

function take(job) { jobs.set(job.id, job); render(); }

function row(job) {
  let made = rows.get(job.id);
  if (!made) {
    made = element("li", {}, element("button", { type: "button", class: "job", "data-job": job.id },
      element("span", { class: "thumb" }), element("span", { class: "grow" }, element("b", {}), element("span", { class: "note" }), element("progress", { max: 1, "aria-hidden": "true" })),
      element("span", { class: "state" })));
    made.firstChild.addEventListener("click", () => { wished = true; choose(job.id); });
    const stop = element("button", { type: "button", class: "stop", "aria-label": `Cancel ${job.name}` }, "×");
    stop.addEventListener("click", () => act("POST", `/api/jobs/${job.id}/cancel`));
    made.append(stop);
    rows.set(job.id, made);
  }
  const [thumb, text, state] = made.firstChild.children, [name, note, bar] = text.children;
  name.textContent = job.name;
  note.textContent = WAITING.has(job.state) ? waitText(job) : [timeLeft(job) ?? clock(job.seconds), `${job.identities} ${job.identities === 1 ? "identity" : "identities"}`, `${job.frames} frames`].join(" · ");
  made.lastChild.hidden = ENDED.has(job.state);
  const fraction = fractionDone(job);
  bar.hidden = job.state !== "running";
  if (fraction === null) bar.removeAttribute("value"); else bar.value = fraction;
  state.textContent = stateText(job);
  state.className = `state ${job.state}`;
  // The first frame, then the one with most people.
  const poster = job.results.find((result) => result.name === "poster.jpg")?.url ?? job.frame;
  if (poster !== (thumb.firstChild?.getAttribute("src") ?? null)) thumb.replaceChildren(...(poster ? [element("img", { src: poster, alt: "", loading: "lazy" })] : []));
  if (job.id === chosen) made.firstChild.setAttribute("aria-current", "true"); else made.firstChild.removeAttribute("aria-current");
  return made;
}

function waitText(job) {
  if (job.state === "held") return "to be started";
  const seconds = secondsToStart(job, [...jobs.values()], workers);
  return seconds === null ? `added ${new Date(job.created).toLocaleTimeString()}` : `starts in about ${clock(seconds)}`;
}

function render() {
  const sorted = newest();
  // Without a wish the page shows what runs, and not what waits.
  if (!jobs.has(chosen)) wished = false;
  if (!jobs.has(chosen) || (!wished && WAITING.has(jobs.get(chosen).state))) chosen = (runningJob() ?? sorted[0])?.id ?? "";
  const list = byId("jobs"), wanted = sorted.map(row);
  // Only items out of order are moved, so that the focus stays.
  wanted.forEach((item, place) => { if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null); });
  while (list.children.length > wanted.length) list.lastChild.remove();
  const running = sorted.filter((job) => job.state === "running").length, waiting = sorted.filter((job) => job.state === "queued").length, held = sorted.filter((job) => job.state === "held").length;
  byId("summary").textContent = sorted.length ? [running && `${running} running`, waiting && `${waiting} waiting`, held && `${held} held`].filter(Boolean).join(", ") : "none yet";
  viewer.show(jobs.get(chosen) ?? null);
}

async function act(method, path) {
  try { const job = await request(method, path); refuse(""); if (job) take(job); } catch (error) { refuse(error.message); }
}

function current() { return jobs.get(chosen); }
function cancel() { if (current() && !ENDED.has(current().state)) act("POST", `/api/jobs/${chosen}/cancel`); }
function restart() { if (current()?.can_restart) act("POST", `/api/jobs/${chosen}/restart`); }
function remove() {
  const job = current();
  if (!job || !ENDED.has(job.state)) return;
  const dialog = byId("confirm-delete");
  byId("confirm-delete-text").textContent = `Delete ${job.name}?`;
  dialog.returnValue = "keep";
  dialog.showModal();
  dialog.onclose = () => { if (dialog.returnValue === "delete") act("DELETE", `/api/jobs/${job.id}`); };
}
function step(by) {
  const sorted = newest(), place = sorted.findIndex((job) => job.id === chosen) + by;
  if (sorted[place]) { wished = true; choose(sorted[place].id); }
}

const KEYS = {
  u: () => byId("file").click(), j: () => step(1), k: () => step(-1), c: cancel, r: restart, Delete: remove,
  o: () => byId("result-report-html")?.click(), "?": () => byId("keys").showModal(),
};

function listen() {
  const events = new EventSource("/api/events");
  events.addEventListener("job", (event) => take(JSON.parse(event.data)));
  events.addEventListener("gone", (event) => {
    const id = JSON.parse(event.data);
    rows.get(id)?.remove(); rows.delete(id); jobs.delete(id); render();
  });
  events.addEventListener("open", async () => {
    byId("lost").hidden = true;
    const alive = new Set((await request("GET", "/api/jobs")).map((job) => job.id));
    for (const id of [...jobs.keys()]) if (!alive.has(id)) { rows.get(id)?.remove(); rows.delete(id); jobs.delete(id); }
    render();
    document.body.dataset.ready = "";
  });
  events.addEventListener("error", async () => {
    byId("lost").hidden = false;
    if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const answer = await fetch("/api/server").catch(() => null);
    if (answer?.status === 401) location.assign("/login"); else setTimeout(listen, 2000);
  });
}

byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", () => { refuse(""); uploads.add(byId("file").files); byId("file").value = ""; });
for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (event) => { event.preventDefault(); byId("drop").classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); byId("drop").classList.remove("over"); refuse(""); uploads.add(event.dataTransfer.files); });
for (const kind of ["path", "stream"]) {
  byId(`${kind}-form`).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    try { const job = await request("POST", "/api/jobs", { [kind]: byId(kind).value.trim(), hold: holds(), options: chosenOptions() }); refuse(""); event.target.reset(); take(job); added(job); } catch (error) { refuse(error.message); }
    button.disabled = false;
  });
}
byId("cancel").addEventListener("click", cancel);
byId("restart").addEventListener("click", restart);
byId("delete").addEventListener("click", remove);
byId("keys-button").addEventListener("click", KEYS["?"]);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, summary, video, dialog")) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action) { event.preventDefault(); action(); }
});
window.addEventListener("hashchange", () => { wished = true; choose(location.hash.slice(1)); });

const server = await request("GET", "/api/server");
fillTrackers(server.trackers);
workers = server.limits.jobs;
uploads.limit = server.limits.max_upload_bytes;
byId("facts").textContent = `${server.detector} · version ${server.version}`;
byId("limits").textContent = `up to ${size(server.limits.max_upload_bytes)} and ${+(server.limits.max_seconds / 60).toFixed(1)} minutes`;
byId("path-form").hidden = !server.allows_paths;
byId("stream-form").hidden = !server.allows_streams;
listen();
