// Starts the page: who is served, which view the address names, and the way between views.
// Views live behind the fragment, so that the server has one page and a token is never in a link.

import { Refused, every, get, session, why } from "./api.js";
import { fill, h } from "./dom.js";
import { overview } from "./overview.js";
import { runView } from "./run.js";
import { scaleSetView } from "./scale_set.js";
import { simulatorView } from "./simulator.js";
import { clockText } from "./words.js";

const main = document.getElementById("main");
let leave = () => {};
let isFirst = true;

function route(fragment, who) {
  const [place, ...rest] = fragment.replace(/^#\/?/, "").split("/");
  const name = decodeURIComponent(rest.join("/"));
  if (place === "set" && name) return [name.split("/").at(-1), (root) => scaleSetView(root, name, who)];
  if (place === "run" && name) return [`Run ${name}`, (root) => runView(root, name, who)];
  if (place === "simulator") return ["Simulator", (root) => simulatorView(root, who)];
  return ["Scale sets", (root) => overview(root, who)];
}

function show(who) {
  if (location.hash === "#main") return;
  const [title, mount] = route(location.hash, who);
  leave();
  document.title = `${title} · vmssplan`;
  for (const link of document.querySelectorAll("#pages a")) {
    const isHere = link.hash === (location.hash || "#/");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const root = h("div", { class: "view" });
  fill(main, root);
  leave = mount(root) || (() => {});
  if (!isFirst) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  isFirst = false;
}

function furnishHeader(who) {
  const isSimulated = who.service.kind === "simulator";
  fill(
    document.getElementById("pages"),
    h("a", { href: "#/" }, "Scale sets"),
    isSimulated && h("a", { href: "#/simulator" }, "Simulator"),
  );
  const clock = h("span", { class: "clock", id: "clock" });
  fill(
    document.getElementById("service"),
    who.readOnly && h("span", { class: "badge" }, "read-only"),
    h("span", { class: `badge ${who.service.kind}` }, who.service.kind),
    h("span", { class: "service-name", title: who.service.name }, who.service.name.split("/").at(-1)),
    isSimulated && clock,
  );
  if (isSimulated) every(1000, () => tick(clock));
}

async function tick(clock) {
  try {
    const world = await get("/api/simulator");
    if (!world) return;
    const { now, speed } = world.clock;
    clock.textContent = `${clockText(now, true)} ${speed ? `${speed}×` : "paused"}`;
    document.dispatchEvent(new CustomEvent("simulator", { detail: world }));
  } catch {
    clock.textContent = "";
  }
}

async function start() {
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  try {
    const who = await session();
    furnishHeader(who);
    addEventListener("hashchange", () => show(who));
    show(who);
  } catch (error) {
    const isUnknown = error instanceof Refused && [401, 403].includes(error.status);
    const next = isUnknown ? "Open the address that `vmssplan ui` printed: it carries the token." : "";
    fill(main, h("h1", {}, "Not connected"), h("p", { class: "trouble" }, why(error)), h("p", {}, next));
  }
}

start();
