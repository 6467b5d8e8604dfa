// Uploads, one after the other, each with a progress bar and a stop button.

import { byId, element, reason, size } from "/assets/format.js";
import { uploadQuery } from "/assets/options.js";

export class Uploads {
  constructor(done, refuse) {
    this.done = done;
    this.refuse = refuse;
    this.waiting = [];
    this.limit = Infinity;
    this.busy = false;
  }

  add(files) {
    for (const file of files) {
      if (file.size > this.limit) { this.refuse(`${file.name}: ${size(file.size)}; at most ${size(this.limit)} are accepted`); continue; }
      const bar = element("progress", { max: 1, "aria-label": `Upload of ${file.name}` }), stop = element("button", { type: "button", "aria-label": `Stop the upload of ${file.name}` }, "×");
      const row = element("li", {}, element("span", { class: "grow" }, file.name), bar, stop);
      const upload = { file, bar, row, query: uploadQuery(file.name), request: new XMLHttpRequest() };
      stop.addEventListener("click", () => {
        this.waiting = this.waiting.filter((other) => other !== upload);
        if (upload.request.readyState > 0) upload.request.abort();
        row.remove();
      });
      bar.value = 0;
      byId("uploads").append(row);
      this.waiting.push(upload);
    }
    this.next();
  }

  async next() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) await this.send(this.waiting.shift());
    this.busy = false;
  }

  send({ file, bar, row, query, request }) {
    return new Promise((settled) => {
      request.open("POST", `/api/uploads?${query}`);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.upload.addEventListener("progress", (event) => {
        bar.value = event.loaded / event.total;
        if (event.loaded === event.total) bar.removeAttribute("value"); // the server checks the video now
      });
      request.addEventListener("load", () => {
        if (request.status === 201) this.done(JSON.parse(request.responseText));
        else if (request.status === 401) location.assign("/login");
        else this.refuse(reason(request.status, request.responseText));
      });
      request.addEventListener("error", () => this.refuse(`${file.name}: the upload was interrupted`));
      request.addEventListener("loadend", () => { row.remove(); settled(); });
      request.send(file);
    });
  }
}
