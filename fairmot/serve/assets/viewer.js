// The selected job: its live view or its video, key figures, and results.

import { byId, clock, element, ENDED, fractionDone, size, stateText, timeLeft } from "/assets/format.js";
import { optionsText } from "/assets/options.js";

const LABELS = { "tracks.txt": "Tracks", "tracks.mp4": "Video", "tracks.lines.csv": "Crossings", "tracks.zones.csv": "Zones", "report.html": "Report", "run.json": "Run details" };

export class Viewer {
  constructor(setup) {
    this.key = "";
    this.setup = setup;
    document.addEventListener("visibilitychange", () => { this.key = ""; if (this.job) this.show(this.job); });
  }

  show(job) {
    this.job = job;
    byId("nothing").hidden = job !== null;
    byId("chosen").hidden = job === null;
    this.media(job);
    this.setup.show(job?.state === "held" ? job : null);
    if (job === null) return;
    byId("name").textContent = job.name;
    byId("state").textContent = stateText(job);
    byId("state").className = `state ${job.state}`;
    byId("cancel").hidden = ENDED.has(job.state);
    byId("restart").hidden = !job.can_restart;
    byId("delete").hidden = !ENDED.has(job.state);
    const bar = byId("progress"), fraction = fractionDone(job);
    bar.hidden = job.state !== "running";
    if (fraction === null || job.stage !== "track") bar.removeAttribute("value"); else bar.value = fraction;
    byId("problem").textContent = job.problem ?? "";
    byId("problem").hidden = !job.problem;
    const options = optionsText(job.options);
    byId("options-of-job").textContent = options;
    byId("options-of-job").hidden = !options || job.state === "held";
    this.tiles(job);
    this.results(job);
  }

  note(text) { byId("live-note").textContent = text; }

  // Only changes are applied: a live view that is set again reconnects.
  media(job) {
    const watched = job?.state === "running" && !document.hidden;
    const film = job?.results.find((result) => result.name === "tracks.mp4");
    const key = job === null ? "" : `${job.id} ${watched ? "live" : film ? "film" : job.state}`;
    if (key === this.key) return;
    this.key = key;
    const live = byId("live"), video = byId("video");
    live.hidden = !watched;
    video.hidden = watched || !film;
    if (watched) live.src = `/api/jobs/${job.id}/live?${Date.now()}`; else live.removeAttribute("src");
    if (film && !watched) { video.src = film.url; video.poster = `/api/jobs/${job.id}/results/poster.jpg`; } else { video.removeAttribute("src"); video.load(); }
    if (job?.width) byId("stage").style.setProperty("--shape", job.width / job.height);
    // A waiting job shows its first frame; a held one shows it to draw on.
    const still = !watched && !film && job?.state === "queued" && job.frame;
    byId("still").hidden = !still;
    if (still) byId("still").src = job.frame; else byId("still").removeAttribute("src");
    this.note(watched ? "Opening …" : film || job?.state === "held" ? "" : job?.state === "queued" ? "Waiting in the queue." : "No video.");
  }

  tiles(job) {
    const rate = job.seconds > 0 ? job.frames / job.seconds : 0;
    const figures = [
      ["Frames", job.frame_total && job.state === "running" ? `${job.frames} of ${job.frame_total}` : job.frames],
      ["Identities", job.identities],
      ["Frames/s", rate ? rate.toFixed(rate < 10 ? 1 : 0) : "–"],
      timeLeft(job) ? ["Time left", timeLeft(job).replace(" left", "")] : ["Time", job.started ? clock(job.seconds) : "–"],
      ["Frame size", job.width ? `${job.width} × ${job.height}` : "–"],
      ...job.counts.map((each) => [each.name, each.kind === "line" ? `${each.came_in} in, ${each.went_out} out` : `${each.identities} ${each.identities === 1 ? "identity" : "identities"}, at most ${each.most_at_once} at once`, "tile counted"]),
    ];
    byId("tiles").hidden = job.state === "held";
    byId("tiles").replaceChildren(...figures.map(([name, value, kind = "tile"]) => element("div", { class: kind }, element("dt", {}, name), element("dd", {}, String(value)))));
  }

  results(job) {
    const shown = job.results.filter((result) => result.name in LABELS);
    const key = JSON.stringify(shown);
    if (key === this.shownResults) return; // links keep the focus
    this.shownResults = key;
    byId("results").replaceChildren(...shown.map((result) => {
      const page = result.name === "report.html";
      const link = element("a", { class: page ? "button primary" : "button", href: page ? result.url : `${result.url}?download=true`, id: `result-${result.name.split(".").join("-")}` },
        LABELS[result.name], element("span", { class: "note" }, ` ${size(result.bytes)}`));
      if (page) link.target = "_blank"; else link.download = "";
      return link;
    }));
  }
}
