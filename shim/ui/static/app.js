// The page: a list by urgency of which only the visible lines exist, a timeline, and the chain of one certificate.
// Whatever comes from the cluster reaches the document as text, never as markup.

import { el, replace } from "./dom.js";
import { STATES, distance, duration, matches, read, sorted } from "./rows.js";
import { timeline } from "./timeline.js";

const HEIGHT = 46; // of a line, as in style.css
const AHEAD = 8; // lines beyond the visible ones
const EVERY = 3000; // milliseconds between two questions

const $ = (id) => document.getElementById(id);
const state = {
  all: [], shown: [], now: Date.now() / 1000, version: 0, counts: {}, issuers: [],
  only: "", search: "", sort: "state", descending: false, at: -1, open: "",
};

// -- what is known ---------------------------------------------------------------------------------------------------

async function refresh() {
  try {
    const answer = await fetch(`api/certificates?since=${state.version}`, { headers: { Accept: "application/json" } });
    if (answer.status === 304) return told("live");
    if (!answer.ok) throw new Error(await answer.text());
    take(await answer.json());
    told("live");
  } catch (error) {
    told(`not up to date: ${error.message.slice(0, 120)}`);
  }
}

function take(known) {
  Object.assign(state, { version: known.version, now: known.now, counts: known.counts, issuers: known.issuers });
  state.all = known.certificates.map(read);
  $("obstacle").hidden = !known.obstacle;
  $("obstacle").textContent = known.obstacle;
  replace($("timeline"), timeline(state.all, state.now));
  show();
}

function told(text) {
  $("live").textContent = text === "live" ? `● live` : `○ ${text}`;
}

// -- the list --------------------------------------------------------------------------------------------------------

function show() {
  const picked = state.shown[state.at]?.key;
  const wanted = state.all.filter((row) => (!state.only || row.state === state.only) && matches(row, state.search));
  state.shown = sorted(wanted, state.sort, state.descending);
  state.at = picked === undefined ? -1 : state.shown.findIndex((row) => row.key === picked);
  $("space").style.height = `${state.shown.length * HEIGHT}px`;
  $("rows").setAttribute("aria-rowcount", state.shown.length);
  $("rows").hidden = !state.shown.length;
  $("none").hidden = Boolean(state.shown.length);
  $("none").textContent = state.all.length ? "None fits." : "There are no Certificates.";
  $("count").textContent = `${state.shown.length.toLocaleString("en")} of ${state.all.length.toLocaleString("en")} certificates`;
  states();
  issuers();
  for (const button of document.querySelectorAll("[data-sort]")) {
    if (button.dataset.sort === state.sort) button.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    else button.removeAttribute("aria-sort");
  }
  draw();
}

function draw() {
  const view = $("rows");
  const first = Math.max(0, Math.floor(view.scrollTop / HEIGHT) - AHEAD);
  const last = Math.min(state.shown.length, Math.ceil((view.scrollTop + view.clientHeight) / HEIGHT) + AHEAD);
  $("window").style.transform = `translateY(${first * HEIGHT}px)`;
  replace($("window"), state.shown.slice(first, last).map((row, place) => line(row, first + place)));
  if (state.at >= 0) view.setAttribute("aria-activedescendant", `row-${state.at}`);
  else view.removeAttribute("aria-activedescendant");
}

function line(row, place) {
  const { mark, word } = STATES[row.state];
  const names = row.names.join(", ") + (row.more ? ` and ${row.more} more` : "");
  const moment = (at, past) => (at ? el("time", { title: new Date(at * 1000).toISOString() }, duration(at - state.now, past)) : "–");
  return el(
    "div",
    { class: "row", role: "row", id: `row-${place}`, "aria-rowindex": place + 1, "aria-selected": place === state.at, "data-place": place },
    el("span", { class: row.state, role: "gridcell" }, el("span", { class: "dot", "aria-hidden": "true" }, mark), ` ${word}`),
    el("span", { class: "name", role: "gridcell", title: row.key }, row.name, el("small", {}, `  ${row.namespace}`)),
    el("span", { class: "soft", role: "gridcell", title: names }, names || "–"),
    el("span", { class: "soft issuer", role: "gridcell", title: row.issuer }, row.issuer),
    el("span", { class: row.notAfter && row.notAfter < state.now ? "failing" : "", role: "gridcell" }, moment(row.notAfter, "ago")),
    el("span", { class: "soft renewal", role: "gridcell" }, moment(row.renewal, "late")),
    row.sentence && el("span", { class: "sentence", role: "gridcell", title: row.sentence }, row.sentence),
  );
}

function states() {
  const chips = [["", "all", state.all.length], ...Object.keys(STATES).map((name) => [name, STATES[name].word, state.counts[name] ?? 0])];
  const made = chips.map(([name, word, count]) => {
    const button = el("button", { type: "button", "aria-pressed": state.only === name }, name && el("span", { class: `dot ${name}`, "aria-hidden": "true" }, STATES[name].mark), word, el("b", {}, count.toLocaleString("en")));
    button.addEventListener("click", () => only(name));
    return button;
  });
  const focused = [...$("states").children].indexOf(document.activeElement);
  replace($("states"), made);
  if (focused >= 0) made[focused].focus();
}

function issuers() {
  const sick = state.issuers.filter((one) => !one.ready);
  const name = (one) => `${one.kind} ${one.namespace ? `${one.namespace}/` : ""}${one.name}`;
  $("issuers").textContent = sick.length ? `${sick.length} of ${state.issuers.length} issuers not ready: ${sick.map((one) => `${name(one)}: ${one.sentence}`).join("; ")}` : state.issuers.length === 1 ? "1 issuer, ready" : `${state.issuers.length} issuers, all ready`;
  $("issuers").title = $("issuers").textContent;
  $("issuers").className = sick.length ? "failing" : "";
}

function only(name) {
  state.only = state.only === name ? "" : name;
  $("rows").scrollTop = 0;
  show();
}

function move(to) {
  if (!state.shown.length) return;
  state.at = Math.max(0, Math.min(state.shown.length - 1, to));
  const view = $("rows");
  const top = state.at * HEIGHT;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + HEIGHT > view.scrollTop + view.clientHeight) view.scrollTop = top + HEIGHT - view.clientHeight;
  draw();
}

// -- one certificate -------------------------------------------------------------------------------------------------

async function open(row) {
  if (!row) return;
  state.open = row.key;
  const panel = $("detail");
  panel.hidden = false;
  document.querySelector("main").classList.add("open");
  replace(panel, [closer(), el("h2", {}, row.key), el("p", { class: "says" }, "Reading its chain …")]);
  panel.focus();
  let chain;
  try {
    const answer = await fetch(`api/certificates/${encodeURIComponent(row.namespace)}/${encodeURIComponent(row.name)}`);
    chain = await answer.json();
  } catch (error) {
    chain = { error: error.message };
  }
  if (state.open === row.key) replace(panel, [closer(), el("h2", {}, row.key), ...told_of(chain, row)]);
}

function told_of(chain, row) {
  if (chain.error) return [el("p", { class: "failing" }, chain.error)];
  const commands = [`certshim explain certificate ${row.name} -n ${row.namespace}`, `certshim renew ${row.name} -n ${row.namespace}`];
  return [
    el("p", {}, chain.text),
    chain.advice && el("p", { class: "advice" }, chain.advice),
    el("ol", {}, chain.objects.map(link)),
    ...Object.entries(chain.unread).map(([kind, why]) => el("p", { class: "says" }, `${kind} is left out: ${why}`)),
    el("p", { class: "says" }, "By hand: ", commands.map((one) => el("div", {}, el("code", {}, one)))),
  ];
}

function link(one) {
  return el(
    "li", { class: "link" },
    el("b", {}, `${one.kind} ${one.name}`), one.what && el("span", { class: "says" }, `  ${one.what}`),
    one.says && el("div", { class: "says" }, one.says),
    one.events.map((event) =>
      el("div", { class: `event ${event.type === "Warning" ? "Warning" : ""}` },
        el("time", { title: new Date(event.at * 1000).toISOString() }, distance(event.at - Date.now() / 1000)),
        el("b", {}, event.reason), event.count > 1 ? ` ×${event.count}` : "", `  ${event.message}`)),
  );
}

function closer() {
  const button = el("button", { type: "button", class: "close", "aria-label": "Close" }, "Esc");
  button.addEventListener("click", close);
  return button;
}

function close() {
  state.open = "";
  $("detail").hidden = true;
  document.querySelector("main").classList.remove("open");
  $("rows").focus();
  draw();
}

// -- keys, theme, beginning ------------------------------------------------------------------------------------------

function theme(next) {
  const kept = localStorage.getItem("theme");
  const dark = next ?? (kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  if (next !== undefined) localStorage.setItem("theme", dark ? "dark" : "light");
}

const page = () => Math.max(1, Math.floor($("rows").clientHeight / HEIGHT) - 1);
const KEYS = {
  j: () => move(state.at + 1), ArrowDown: () => move(state.at + 1),
  k: () => move(state.at - 1), ArrowUp: () => move(state.at - 1),
  PageDown: () => move(state.at + page()), PageUp: () => move(state.at - page()),
  Home: () => move(0), End: () => move(state.shown.length - 1),
  Enter: () => open(state.shown[state.at]),
  "/": () => $("search").focus(),
  1: () => only("failing"), 2: () => only("expiring"), 3: () => only("waiting"), 4: () => only("ready"), 0: () => only(""),
  t: () => theme(document.documentElement.dataset.theme !== "dark"),
  "?": () => $("keysheet").showModal(),
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keysheet").open) return;
  const typing = event.target === $("search");
  if (event.key === "Escape") {
    if (state.open) close();
    else if (typing || state.search) {
      $("search").value = state.search = "";
      $("rows").focus();
      show();
    }
    return;
  }
  if (typing && !["ArrowDown", "Enter"].includes(event.key)) return;
  if (event.key === "Enter" && event.target instanceof HTMLButtonElement) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (typing) {
    $("rows").focus();
    if (event.key === "Enter") return move(0);
  }
  act();
}

theme();
document.addEventListener("keydown", key);
$("rows").addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
new ResizeObserver(draw).observe($("rows"));
$("rows").addEventListener("click", (event) => {
  const found = event.target.closest("[data-place]");
  if (!found) return;
  move(Number(found.dataset.place));
  open(state.shown[state.at]);
});
$("search").addEventListener("input", () => {
  state.search = $("search").value;
  $("rows").scrollTop = 0;
  show();
});
$("theme").addEventListener("click", KEYS.t);
$("help").addEventListener("click", KEYS["?"]);
for (const button of document.querySelectorAll("[data-sort]"))
  button.addEventListener("click", () => {
    state.descending = state.sort === button.dataset.sort && !state.descending;
    state.sort = button.dataset.sort;
    show();
  });
await refresh();
$("rows").focus();
setInterval(() => document.hidden || refresh(), EVERY);
