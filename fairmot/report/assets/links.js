// Links that open at a moment: #t=12.3&id=7&source=yard. The address follows what is shown.

const LINK_PAUSE_MS = 250; // browsers refuse to change the address hundreds of times

class Links {
  constructor(app) {
    this.app = app;
    window.addEventListener("hashchange", () => { if (location.hash.slice(1) !== this.text) this.follow(); });
    byId("copy-link").addEventListener("click", () => copyText(this.address(), byId("copy-link")));
  }

  // The number of the source that the address names, or 0.
  source() {
    const name = new URLSearchParams(location.hash.slice(1)).get("source");
    return Math.max(0, this.app.model.sources.findIndex((source) => source.name === name));
  }

  async follow() {
    const wanted = new URLSearchParams(location.hash.slice(1)), { app } = this, number = this.source();
    if (wanted.has("source") && app.model.sources[number].name !== app.source.name) { await app.open(number); return; }
    const isWanted = wanted.has("id") ? parseSelection(wanted.get("id")) : null;
    const tracks = isWanted ? app.source.tracks.ids.flatMap((id, track) => (isWanted(id) ? [track] : [])) : [];
    if (tracks.length) { app.showOnly(tracks); app.pick(tracks.length === 1 ? tracks[0] : -1); }
    const seconds = Number(wanted.get("t"));
    if (wanted.has("t") && Number.isFinite(seconds)) app.seek(momentAt(app.source, seconds));
  }

  state() {
    const { app } = this, { source } = app, parts = [`t=${source.times[app.moment].toFixed(3).replace(/\.?0+$/, "")}`];
    const shown = source.tracks.ids.filter((_, track) => source.visible[track]);
    if (shown.length && shown.length < source.tracks.ids.length) parts.push(`id=${selectionText(shown)}`);
    if (app.model.sources.length > 1) parts.push(`source=${encodeURIComponent(source.name)}`);
    return parts.join("&");
  }

  address() { return `${location.href.split("#")[0]}#${this.state()}`; }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const all = this.app.source.visible.every(Boolean);
      if (this.app.player.playing || (this.app.moment === 0 && all && !location.hash)) return;
      this.text = this.state();
      if (location.hash.slice(1) !== this.text) history.replaceState(null, "", `#${this.text}`);
    }, LINK_PAUSE_MS);
  }
}

// Copies and says so on the button. Where the browser has no clipboard, a field holds the text.
