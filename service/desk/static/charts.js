// Draws /api/links/LINK/charts with uPlot. A sample holds for its slot; where nothing was measured nothing is drawn.
"use strict";

const box = document.getElementById("charts");
const chooser = document.getElementById("chart-link");
const cursors = typeof uPlot === "undefined" ? null : uPlot.sync("lines");
const COLOURS = {
  light: ["#174f8f", "#c06a10", "#1f7a4d", "#8a3ffc", "#b3261e", "#00788a"],
  dark: ["#7db4f3", "#f0a95b", "#74d3a0", "#c3a0ff", "#ff9d93", "#6fd0de"],
};
let drawn = [];

if (box && cursors) {
  chooser?.addEventListener("change", () => load(chooser.value));
  window.addEventListener("resize", () => drawn.forEach(([plot, panel]) => plot.setSize(sizeOf(panel))));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => load(box.dataset.link));
  load(box.dataset.link);
}

async function load(link) {
  if (!link) return;
  box.dataset.link = link;
  try {
    const response = await fetch(`/api/links/${encodeURIComponent(link)}/charts`);
    if (!response.ok) throw new Error(`the desk answered ${response.status}`);
    draw(await response.json());
  } catch (error) {
    say(box, `The charts of ${link} cannot be drawn: ${error.message}.`);
  }
}

function draw(charts) {
  drawn.forEach(([plot]) => plot.destroy());
  drawn = [];
  box.replaceChildren();
  for (const panel of charts.panels) {
    const place = document.createElement("div");
    place.className = "chart";
    const title = document.createElement("h3");
    title.textContent = `${panel.title} – ${charts.link}`;
    place.append(title);
    box.append(place);
    if (!panel.curves.length) say(place, "not measured", title);
  }
  // Only now does every panel have its width.
  charts.panels.forEach((panel, index) => {
    const place = box.children[index];
    if (panel.curves.length) drawn.push([plotOf(charts, panel, place), place]);
  });
}

function say(place, words, after) {
  const text = document.createElement("p");
  text.className = "empty";
  text.textContent = words;
  if (after) after.after(text);
  else place.replaceChildren(text);
}

function plotOf(charts, panel, place) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [ink, grid] = dark ? ["#a0acb9", "#2d3742"] : ["#56626f", "#e4e8ed"];
  const colours = dark ? COLOURS.dark : COLOURS.light;
  const format = (value) => (value == null ? "–" : quantity(value, panel.unit));
  const series = panel.curves.map((curve, index) => ({
    label: curve.label,
    stroke: colours[index % colours.length],
    dash: curve.label.startsWith("upload") || curve.label.includes(", upload") ? [5, 3] : [],
    width: 1.4,
    points: { show: false },
    value: (_plot, value) => format(value),
  }));
  const limits = panel.limits.map((limit) => ({
    label: limit.label,
    stroke: colours[4],
    dash: [9, 4],
    width: 1,
    points: { show: false },
    value: () => "",
  }));
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const options = {
    ...sizeOf(place),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), charts.zone),
    cursor: { sync: { key: cursors.key }, drag: { x: true, y: false } },
    scales: { x: { min: charts.start, max: charts.end }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, values: clockOf },
      { ...axis, size: 84, values: (_plot, values) => values.map((value) => (value === 0 ? "0" : quantity(value, panel.unit))) },
    ],
    series: [{ label: charts.zone, value: timeOf }, ...series, ...limits],
  };
  const tables = panel.curves.map(stepped);
  tables.push(...panel.limits.map((limit) => [[charts.start, charts.end], [limit.value, limit.value]]));
  const modes = tables.map(() => [0, 2]);
  return new uPlot(options, uPlot.join(tables, modes), place);
}

// Two points a slot, and a null where the next slot does not follow at once.
function stepped(curve) {
  const x = [];
  const y = [];
  curve.time.forEach((time, index) => {
    const end = time + curve.seconds[index];
    x.push(time, end - 0.002);
    y.push(curve.values[index], curve.values[index]);
    const next = curve.time[index + 1];
    if (next === undefined || next > end) {
      x.push(end - 0.001);
      y.push(null);
    }
  });
  return [x, y];
}

function clockOf(plot, splits) {
  let day = "";
  return splits.map((seconds) => {
    const date = plot.opts?.tzDate?.(seconds) ?? zoned(plot, seconds);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
    const today = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const text = today === day ? clock : `${clock}\n${today.slice(5)}`;
    day = today;
    return text;
  });
}

function timeOf(plot, seconds) {
  if (seconds == null) return "–";
  const date = zoned(plot, seconds);
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function zoned(plot, seconds) {
  return uPlot.tzDate(new Date(seconds * 1000), plot.series[0].label);
}

function quantity(value, unit) {
  if (unit !== "bit/s") return `${Number(value.toPrecision(3))} ${unit}`.trim();
  for (const [size, name] of [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))} ${name}`;
  }
  return `${Math.round(value)} bit/s`;
}

function sizeOf(place) {
  return { width: Math.max(260, place.clientWidth - 28), height: 190 };
}

function two(number) {
  return String(number).padStart(2, "0");
}
