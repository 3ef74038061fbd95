// How many certificates expire, and how many are renewed, on each of the next ninety days.

import { el, svg } from "./dom.js";

const DAYS = 90;
const DAY = 86400;

export function timeline(rows, now) {
  const renewals = Array(DAYS).fill(0);
  const expiries = Array(DAYS).fill(0);
  for (const row of rows) {
    count(renewals, row.renewal, now);
    // One that is renewed before does not expire, if all goes well.
    if (!row.renewal || row.renewal < now || row.state !== "ready") count(expiries, row.notAfter, now);
  }
  const most = Math.max(1, ...renewals.map((one, day) => one + expiries[day]));
  const width = 1000 / DAYS;
  const bars = [];
  for (let day = 0; day < DAYS; day++) {
    bar(bars, "renewals", day * width, 0, renewals[day], most, width, `${renewals[day]} renewed ${when(day)}`);
    bar(bars, "expiries", day * width, renewals[day], expiries[day], most, width, `${expiries[day]} expire ${when(day)}`);
  }
  const marks = [0, 15, 30, 45, 60, 75].map((day) => el("span", {}, day ? `${day} days` : "today"));
  return [
    el("div", { class: "legend" },
      el("span", {}, el("i", { class: "r" }), "renewals"),
      el("span", {}, el("i", { class: "e" }), "expiries that no renewal precedes"),
      el("span", {}, `most on a day: ${most.toLocaleString("en")}`)),
    svg("svg", { viewBox: "0 0 1000 51", preserveAspectRatio: "none", "aria-hidden": "true" }, bars, svg("line", { class: "axis", x1: 0, x2: 1000, y1: 50, y2: 50 })),
    el("div", { class: "scale", "aria-hidden": "true" }, marks),
  ];
}

function count(days, at, now) {
  const day = Math.floor((at - now) / DAY);
  if (at && day < DAYS) days[Math.max(0, day)]++;
}

function bar(bars, kind, x, below, many, most, width, title) {
  if (!many) return;
  const height = Math.max(1.5, (many / most) * 46);
  const y = 50 - (below / most) * 46 - height;
  bars.push(svg("rect", { class: kind, x: x + 0.6, y, width: width - 1.2, height }, svg("title", {}, title)));
}

const when = (day) => (day ? `in ${day} days` : "today or before");
