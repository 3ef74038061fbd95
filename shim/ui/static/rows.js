// The lines as they are sent (`shim.ui.model.Row`), and how they are found, ordered and said.

export const STATES = {
  failing: { mark: "✕", word: "failing" },
  expiring: { mark: "!", word: "expiring" },
  waiting: { mark: "…", word: "waiting" },
  ready: { mark: "✓", word: "ready" },
};
const NAMES = Object.keys(STATES);

export function read([namespace, name, state, names, more, issuer, secret, owner, notAfter, renewal, sentence]) {
  const key = `${namespace}/${name}`;
  const text = [key, ...names, issuer, secret, owner, sentence].join("\n").toLowerCase();
  return { key, namespace, name, state: NAMES[state], rank: state, names, more, issuer, secret, owner, notAfter, renewal, sentence, text };
}

// Every word must occur.
export function matches(row, search) {
  return search.toLowerCase().split(/\s+/).every((word) => row.text.includes(word));
}

const ORDERS = {
  name: (one, other) => compare(one.key, other.key),
  names: (one, other) => compare(one.names[0] ?? "", other.names[0] ?? ""),
  issuer: (one, other) => compare(one.issuer, other.issuer),
  expires: (one, other) => (one.notAfter || Infinity) - (other.notAfter || Infinity) || 0,
  renewal: (one, other) => (one.renewal || Infinity) - (other.renewal || Infinity) || 0,
};

// They come by urgency.
export function sorted(rows, by, descending) {
  const found = by === "state" ? [...rows] : [...rows].sort(ORDERS[by]);
  return descending ? found.reverse() : found;
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export function duration(seconds, past) {
  const size = Math.abs(seconds);
  const [length, unit] = UNITS.find(([one]) => size >= one) ?? UNITS[3];
  const said = `${Math.floor(size / length)} ${unit}`;
  return seconds < 0 ? `${said} ${past}` : said;
}

export function distance(seconds) {
  return seconds > 0 ? `in ${duration(seconds)}` : duration(seconds, "ago");
}
