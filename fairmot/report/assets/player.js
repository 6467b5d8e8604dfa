// Playback: of the video, or by a clock where there is none. Both call onMoment(moment) and onState(playing).

class VideoPlayer {
  constructor(video, source, onMoment, onState) {
    Object.assign(this, { video, source, onMoment, onState });
    this.ended = new AbortController();
    const on = (name, act) => video.addEventListener(name, act, { signal: this.ended.signal });
    for (const name of ["play", "pause", "ended"]) on(name, () => onState(this.playing));
    // A busy browser shows the last frames without a callback, or leaves one of them out.
    on("seeked", () => this.report(video.currentTime));
    on("ended", () => this.seek(source.filmed - 1));
    this.follow();
  }

  follow() {
    const next = (_, frame) => {
      if (this.ended.signal.aborted) return;
      // A seek in progress has reported its moment already.
      if (!this.video.seeking) this.report(frame ? frame.mediaTime : this.video.currentTime);
      this.follow();
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else requestAnimationFrame(() => next());
  }

  report(seconds) { this.onMoment(momentAt(this.source, seconds)); }

  get playing() { return !this.video.paused && !this.video.ended; }

  seek(moment) {
    const { times, filmed } = this.source;
    const at = Math.min(moment, filmed - 1);
    // Into the frame, not on its edge, where rounding decides which one is shown.
    const length = at + 1 < filmed ? times[at + 1] - times[at] : 1 / this.source.rate;
    this.video.currentTime = times[at] + Math.min(0.5 * length, 0.02);
    this.onMoment(moment);
  }

  play() {
    if (momentAt(this.source, this.video.currentTime) >= this.source.filmed - 1) this.video.currentTime = 0;
    return this.resume();
  }

  resume() { return this.video.play().catch(() => this.onState(false)); }
  pause() { this.video.pause(); }
  speed(value) { this.video.playbackRate = value; }
  close() { this.pause(); this.ended.abort(); }
}

class ClockPlayer {
  constructor(source, onMoment, onState) {
    Object.assign(this, { source, onMoment, onState, playing: false, rate: 1, moment: 0 });
  }

  seek(moment) { this.moment = moment; this.onMoment(moment); }

  play() {
    if (this.playing) return;
    if (this.moment >= this.source.frames - 1) this.moment = 0;
    this.playing = true;
    this.onState(true);
    let begun = performance.now(), from = this.moment;
    const step = (now) => {
      if (!this.playing) return;
      if (this.moment !== from) { begun = now; from = this.moment; }
      const moment = Math.min(this.source.frames - 1, from + Math.floor(Math.max(0, now - begun) / 1000 * this.rate * this.source.rate));
      if (moment !== this.moment) { this.moment = moment; begun = now; from = moment; this.onMoment(moment); }
      if (moment >= this.source.frames - 1) this.pause(); else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  pause() { this.playing = false; this.onState(false); }
  speed(value) { this.rate = value; }
  close() { this.pause(); }
}

function videoAddress(data, number) {
  if (!data.video) return null;
  if (data.video.href) return data.video.href;
  const element = document.getElementById(data.video.element);
  if (!element.dataset.address) {
    element.dataset.address = URL.createObjectURL(new Blob([bytesOf(element.textContent)], { type: data.video.type }));
    element.textContent = "";
  }
  return element.dataset.address;
}
