// The second run beside the first one: the same frame, its own boxes.

class SecondView {
  constructor(app) { this.app = app; }

  async load(data) {
    this.source = data.other ? await loadSource({ ...data, ...data.other, truth: null, other: null, differences: null }) : null;
    byId("second-view").hidden = byId("first-name").hidden = !this.source;
    byId("views").classList.toggle("two", Boolean(this.source));
    if (!this.source) return;
    byId("first-name").textContent = data.label;
    byId("second-name").textContent = data.other.label;
    byId("second").parentElement.style.aspectRatio = `${data.size[0]} / ${data.size[1]}`;
  }

  // The identities of this run that are the same people as those shown of the first one.
  followVisible(first) {
    if (!this.source) return;
    const { visible } = this.source, all = first.visible.every(Boolean);
    visible.fill(all ? 1 : 0);
    if (!all) first.rows.partner.forEach((partner, row) => { if (partner >= 0 && first.visible[first.rows.track[row]]) visible[partner] = 1; });
  }

  draw(moment, show, scene) {
    if (!this.source) return;
    const canvas = byId("second"), video = byId("video");
    drawOverlay(canvas, this.source, moment, { ...show, heat: false, errors: false }, null, (ink) => {
      // Over boxes of the first run those of the second one could not be read.
      if (!video.hidden && !this.source.drawn) ink.drawImage(video, 0, 0, canvas.width, canvas.height);
      else drawScene(canvas, ink, scene);
    });
  }
}
