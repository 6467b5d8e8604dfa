// The links that the refinement made afterwards, and at what cost.

class RefinementTable {
  constructor(app) {
    this.app = app;
    this.body = byId("refined").tBodies[0];
    this.body.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (Number(button.dataset.track) >= 0) app.pick(Number(button.dataset.track));
      app.seek(momentOf(this.source, Number(button.dataset.frame)));
    });
    byId("more-refined").addEventListener("click", () => { this.shown += PORTION; this.fill(); });
  }

  load(source) {
    this.source = source; this.shown = PORTION;
    byId("refinement").hidden = !source.refinement;
    if (!source.refinement) return;
    byId("refinement-note").textContent = source.refinement.text;
    this.fill();
  }

  fill() {
    const { links } = this.source.refinement;
    this.body.replaceChildren(...links.slice(0, this.shown).map((link) => this.row(link)));
    moreButton("more-refined", links.length - this.shown);
  }

  row(link) {
    const number = (value) => (value === null ? "–" : value.toFixed(3)), track = this.source.tracks.ids.indexOf(link.identity);
    const go = element("button", { type: "button", class: "link", "data-track": track, "data-frame": link.first_frame, "aria-label": `Identity ${link.identity}: go to frame ${link.first_frame}` }, String(link.identity));
    const cells = [`${link.earlier} → ${link.later}`, `${link.last_frame} → ${link.first_frame}`, link.round ? `motion, round ${link.round}` : "return",
      ...["cost", "motion", "height", "appearance"].map((name) => number(link[name]))];
    return element("tr", {}, element("th", { scope: "row" }, go), ...cells.map((value) => element("td", {}, value)));
  }
}
