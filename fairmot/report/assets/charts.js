// People over time, heat map of positions, HOTA over alpha.

const HEAT_COLUMNS = 96;

function niceStep(most, steps) {
  const rough = Math.max(most / steps, 1e-9), power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough);
}

// The least and the most of the frames on each pixel, so that no frame is lost between pixels.
function envelope(counts, width) {
  const least = new Float32Array(width), most = new Float32Array(width);
  for (let x = 0; x < width; x++) {
    const from = Math.floor(x * counts.length / width), to = Math.max(from + 1, Math.floor((x + 1) * counts.length / width));
    let low = Infinity, high = 0;
    for (let i = from; i < to && i < counts.length; i++) { low = Math.min(low, counts[i]); high = Math.max(high, counts[i]); }
    least[x] = low === Infinity ? 0 : low; most[x] = high;
  }
  return { least, most };
}

function drawCounts(canvas, source, counts, moment) {
  const ratio = fit(canvas), ink = canvas.getContext("2d");
  const left = 28 * ratio, bottom = canvas.height - 18 * ratio, top = 8 * ratio, width = Math.max(1, canvas.width - left - 2 * ratio);
  let most = 1;
  for (const count of counts) most = Math.max(most, count);
  if (source.hasTruth) for (const count of source.trueCounts) most = Math.max(most, count);
  const step = Math.max(1, niceStep(most, 4)), ceiling = Math.ceil(most / step) * step;
  const y = (count) => bottom - (bottom - top) * count / ceiling;
  ink.clearRect(0, 0, canvas.width, canvas.height);
  ink.font = `${11 * ratio}px system-ui, sans-serif`; ink.fillStyle = cssColor("--quiet"); ink.strokeStyle = cssColor("--line");
  ink.lineWidth = ratio; ink.textBaseline = "middle"; ink.textAlign = "right";
  for (let count = 0; count <= ceiling; count += step) {
    ink.beginPath(); ink.moveTo(left, y(count)); ink.lineTo(canvas.width, y(count)); ink.stroke();
    ink.fillText(String(count), left - 6 * ratio, y(count));
  }
  ink.textBaseline = "bottom"; ink.textAlign = "left"; ink.fillText(String(frameNumber(source, 0)), left, canvas.height);
  ink.textAlign = "right"; ink.fillText(`frame ${frameNumber(source, source.frames - 1)}`, canvas.width - ratio, canvas.height);
  const area = envelope(counts, Math.round(width));
  const trace = (values) => values.forEach((count, x) => ink.lineTo(left + x, y(count)));
  ink.beginPath(); ink.moveTo(left, bottom); trace(area.most); ink.lineTo(left + width, bottom); ink.closePath();
  ink.globalAlpha = 0.22; ink.fillStyle = cssColor("--accent"); ink.fill(); ink.globalAlpha = 1;
  ink.beginPath(); trace(area.most); ink.lineWidth = 1.5 * ratio; ink.strokeStyle = cssColor("--accent"); ink.stroke();
  if (source.hasTruth) {
    ink.beginPath(); trace(envelope(source.trueCounts, Math.round(width)).most);
    ink.setLineDash([4 * ratio, 3 * ratio]); ink.strokeStyle = cssColor("--quiet"); ink.stroke(); ink.setLineDash([]);
  }
  const at = left + width * (moment + 0.5) / source.frames;
  ink.beginPath(); ink.moveTo(at, top); ink.lineTo(at, bottom); ink.lineWidth = 1.5 * ratio; ink.strokeStyle = cssColor("--playhead"); ink.stroke();
  canvas.dataset.left = String(left / ratio);
  canvas.setAttribute("aria-label", `People in each frame: ${counts[moment]} in this one, at most ${counts.reduce((a, b) => Math.max(a, b), 0)}`);
}

function heatGrid(source) {
  const [width, height] = source.size, columns = HEAT_COLUMNS, lines = Math.max(1, Math.round(columns * height / width));
  const grid = new Float32Array(columns * lines), { rows, visible } = source;
  for (let i = 0; i < rows.length; i++) {
    if (!visible[rows.track[i]]) continue;
    const x = Math.floor((rows.left[i] + rows.width[i] / 2) / BOX_STEPS / width * columns);
    const y = Math.floor((rows.top[i] + rows.height[i]) / BOX_STEPS / height * lines);
    if (x >= 0 && x < columns && y >= 0) grid[Math.min(y, lines - 1) * columns + x]++;
  }
  return { columns, lines, grid: blur(blur(grid, columns, lines), columns, lines) };
}

function blur(grid, columns, lines) {
  const result = new Float32Array(grid.length);
  for (let y = 0; y < lines; y++) for (let x = 0; x < columns; x++) {
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) {
      const at = y + dy, column = x + dx;
      if (at >= 0 && at < lines && column >= 0 && column < columns) sum += grid[at * columns + column];
    }
    result[y * columns + x] = sum / 9;
  }
  return result;
}

// From transparent over violet and orange to pale yellow.
const RAMP = [[40, 12, 90, 0], [90, 20, 140, 150], [190, 50, 110, 205], [245, 125, 40, 235], [253, 231, 140, 250]];

function heatImage(source) {
  const { columns, lines, grid } = heatGrid(source);
  const image = document.createElement("canvas");
  image.width = columns; image.height = lines;
  const ink = image.getContext("2d"), pixels = ink.createImageData(columns, lines);
  let most = 0;
  for (const value of grid) most = Math.max(most, value);
  for (let i = 0; i < grid.length && most > 0; i++) {
    // The square root keeps paths visible beside places where a person stood still.
    const level = Math.sqrt(grid[i] / most) * (RAMP.length - 1), low = Math.min(RAMP.length - 2, Math.floor(level));
    for (let c = 0; c < 4; c++) pixels.data[4 * i + c] = RAMP[low][c] + (RAMP[low + 1][c] - RAMP[low][c]) * (level - low);
  }
  ink.putImageData(pixels, 0, 0);
  return image;
}

function drawHeat(canvas, source, heat, scene) {
  canvas.style.aspectRatio = `${source.size[0]} / ${source.size[1]}`;
  fit(canvas);
  const ink = canvas.getContext("2d");
  drawScene(canvas, ink, scene);
  ink.imageSmoothingQuality = "high";
  ink.drawImage(heat, 0, 0, canvas.width, canvas.height);
}

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function hotaChart(alphas, curves, name) {
  const width = 520, height = 300, left = 40, right = 12, top = 12, bottom = 40;
  const x = (alpha) => left + (width - left - right) * alpha, y = (value) => height - bottom - (height - top - bottom) * value;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "hota", "aria-label": `HOTA, DetA and AssA over alpha: ${name}` });
  for (let tick = 0; tick <= 10; tick += 2) {
    chart.append(
      svg("line", { x1: left, x2: width - right, y1: y(tick / 10), y2: y(tick / 10), class: "grid" }),
      svg("text", { x: left - 8, y: y(tick / 10) + 4, "text-anchor": "end" }, String(10 * tick)),
      svg("text", { x: x(tick / 10), y: height - bottom + 18, "text-anchor": "middle" }, (tick / 10).toFixed(1)),
    );
  }
  chart.append(svg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "localisation threshold alpha"));
  for (const [curve, values] of Object.entries(curves)) {
    chart.append(svg("polyline", { class: `curve ${curve}`, points: values.map((value, i) => `${x(alphas[i]).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
    values.forEach((value, i) => chart.append(svg("circle", { class: `dot ${curve}`, cx: x(alphas[i]).toFixed(1), cy: y(value).toFixed(1), r: 3, "data-value": value },
      svg("title", {}, `${curve} ${(100 * value).toFixed(2)} at ${alphas[i].toFixed(2)}`))));
  }
  return chart;
}
