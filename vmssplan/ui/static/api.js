// The only file that talks to the server.

let csrf = "";

/** What the server refused, in its own words: what, and what to do next. */
export class Refused extends Error {
  constructor(status, error) {
    const told = error && error.what ? error : { what: `The server answered ${status}.` };
    super([told.what, told.where, told.expected].filter(Boolean).join(" "));
    this.status = status;
    this.next = told.next || "";
  }

  get text() {
    return this.next ? `${this.message} ${this.next}` : this.message;
  }
}

/** Return the text to show for anything that was thrown. */
export function why(error) {
  if (error instanceof Refused) return error.text;
  return "The server does not answer. Is `vmssplan ui` still running?";
}

export async function session() {
  const answer = await get("/api/session");
  csrf = answer.csrf;
  return answer;
}

export function get(path, query = {}) {
  return asked(address(path, query), { headers: { accept: "application/json" } });
}

export function post(path, body) {
  return asked(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(body),
  });
}

async function asked(url, options) {
  const reply = await fetch(url, { ...options, credentials: "same-origin", cache: "no-store" });
  const text = await reply.text();
  let document = null;
  try {
    document = text ? JSON.parse(text) : null;
  } catch {
    document = null;
  }
  if (!reply.ok) throw new Refused(reply.status, document && document.error);
  return document;
}

function address(path, query) {
  const pairs = Object.entries(query);
  return pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path;
}

/** Listen to a stream of the server until the function that is returned is called. */
export function listen(path, query, handlers, onConnection = () => {}) {
  const source = new EventSource(address(path, query));
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (message) => handle(JSON.parse(message.data), message));
  }
  source.onopen = () => onConnection(true);
  source.onerror = () => onConnection(false);
  return () => source.close();
}

/** Return what the server says is wrong with something, "" for nothing. */
export function problemText(problem) {
  return problem ? [problem.what, problem.next].filter(Boolean).join("; ") : "";
}

const LOST = "The server does not answer; trying again.";

/**
 * Follow what the view is about, on the one stream that a page has: browsers open six connections
 * a server. `trouble` says when it breaks off.
 */
export function follow(query, handlers, trouble) {
  return listen("/api/live", query, {
    ...handlers,
    problem: (problem) => { trouble.textContent = problemText(problem); },
  }, (isOpen) => {
    if (!isOpen) trouble.textContent = LOST;
    else if (trouble.textContent === LOST) trouble.textContent = "";
  });
}

/** Ask again and again while the page is looked at; returns the function that ends it. */
export function every(milliseconds, action) {
  let timer = 0;
  let isOver = false;
  const turn = async () => {
    if (!document.hidden) await action();
    if (!isOver) timer = setTimeout(turn, milliseconds);
  };
  turn();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
