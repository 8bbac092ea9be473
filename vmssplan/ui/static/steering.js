// What people may tell a Run, each with a question that says what it means for which instances.

import { post, why } from "./api.js";
import { ask } from "./asking.js";
import { fill, h, notice } from "./dom.js";
import { chips } from "./preview.js";
import { stepTitle } from "./replay.js";
import { counted, shortDigest } from "./words.js";

const WORDS = {
  approve: ["Approve", "approved"], reject: ["Reject", "rejected"], pause: ["Pause", "told to pause"],
  resume: ["Go on", "told to go on"], abort: ["Abort", "told to end"], rollback: ["Roll back", "told to roll back"],
};

export class Steering {
  constructor(run, who) {
    this.run = run;
    this.who = who;
    this.gate = h("div", { class: "gate", hidden: true });
    this.tools = h("div", { class: "tools", role: "group", "aria-label": "Steer the Run" });
    this.element = h("section", { class: "steering", "aria-label": "Steering" }, this.gate, this.tools);
    this.element.hidden = true;
  }

  /** `course` is the Run as it is now, wherever the slider stands. */
  update(data, course) {
    this.data = data;
    this.course = course;
    const { outcome, awaited, held, steps } = course;
    const isOver = Boolean(outcome && outcome.isDone);
    const isWaiting = Boolean(awaited) && !isOver;
    const isLeft = Boolean(data.status) && data.status.isHeld === false; // no process carries it out
    const isStopped = !isOver && (Boolean(outcome) || isLeft);
    const isPaused = Boolean(held || (data.status && data.status.paused));
    const seal = JSON.stringify([isOver, awaited, isStopped, isPaused, course.isWayBack]);
    if (seal === this.seal) return;
    this.seal = seal;
    this.element.hidden = isOver;
    this.gate.hidden = !isWaiting;
    if (isWaiting) {
      const step = steps[awaited - 1];
      const next = nextBatch(steps, awaited);
      fill(this.gate,
        h("h2", {}, `Step ${awaited} waits for approval`),
        h("p", {}, step && step.message ? step.message : stepTitle(step || {})),
        next && h("p", { class: "quiet" }, `Next: ${stepTitle(next)}`),
        this.who.readOnly ? null : h("div", { class: "tools" }, this.button("approve", "primary"), this.button("reject", "grave")));
    }
    if (this.who.readOnly) return;
    fill(this.tools,
      !isStopped && !isPaused && this.button("pause"),
      (isPaused || isStopped) && this.button("resume"),
      !isStopped && this.button("abort"),
      !course.isWayBack && data.rollout.rollback && this.button("rollback", "grave"));
  }

  button(deed, kind = null) {
    return h("button", { type: "button", class: kind, data: { deed }, onclick: () => this.tell(deed) }, `${WORDS[deed][0]}…`);
  }

  async tell(deed) {
    const { course, data } = this;
    const step = course.awaited;
    const reason = await ask({
      title: `${WORDS[deed][0]}: Run ${this.run}`,
      body: this.meaning(deed),
      confirm: { approve: `Approve step ${step}`, reject: `Reject step ${step}` }[deed] || WORDS[deed][0],
      isGrave: ["reject", "abort", "rollback"].includes(deed),
      wantsReason: ["reject"].includes(deed),
    });
    if (reason === null) return;
    try {
      const isGate = deed === "approve" || deed === "reject";
      await post(`/api/run/${deed}`, { run: this.run, ...(isGate ? { step, digest: data.digest } : {}), ...(reason ? { reason } : {}) });
      notice(`Run ${this.run}: ${WORDS[deed][1]}.`, { kind: "good" });
    } catch (error) {
      notice(why(error), { kind: "error" });
    }
  }

  meaning(deed) {
    const { course, data } = this;
    const ids = [...course.instances.values()];
    const pending = ids.filter((one) => one.phase === "pending").map((one) => one.instanceId);
    const touched = ids.filter((one) => ["operating", "awaiting", "ready", "failed"].includes(one.phase)).map((one) => one.instanceId);
    const next = nextBatch(course.steps, course.awaited || course.step);
    const named = (text, list) => [h("p", {}, `${text} ${counted(list.length, "instance")}:`), list.length > 0 && h("p", {}, chips(list))];
    const parts = {
      approve: [next ? named("Lets the Run go on. Next are", next.instanceIds) : h("p", {}, "Lets the Run go on; no batch comes after.")],
      reject: [h("p", {}, "The Run halts here, or rolls back where its Plan says so."), named("Not upgraded:", pending)],
      pause: [h("p", {}, "What is in flight is finished; nothing more starts until it is told to go on."), named("Left waiting:", pending)],
      resume: [named("The Run goes on. Still to come:", pending)],
      abort: [h("p", {}, "The Run ends after what is in flight. It can be resumed."), named("Not upgraded:", pending)],
      rollback: [h("p", {}, "The Run turns round and brings back what it has changed, batch by batch, above the same floor."), named("Brought back:", touched)],
    };
    const command = ["vmssplan", deed, this.run, ...(["approve", "reject"].includes(deed) ? [String(course.awaited)] : [])];
    return [...parts[deed],
      h("div", { class: "command" }, h("code", {}, command.join(" "))),
      h("p", { class: "quiet" }, "Digest ", h("code", { title: data.digest }, shortDigest(data.digest)))];
  }
}

function nextBatch(steps, from) {
  return steps.slice(from).find((step) => step.type === "UpgradeBatch" || step.type === "UpgradeWindow");
}
