// A Run folded from its journal, up to any event: what each instance is doing, who serves, which
// step is open. The live view and the replay are the same fold, one at its end, one anywhere.

import { durationText, imageText } from "./words.js";

/** What is true after some of the events; `apply` them in order. */
export class Course {
  constructor(rollout, { isRecording = false } = {}) {
    this.rollout = rollout;
    this.steps = rollout.steps;
    this.instances = new Map();
    this.total = 0;
    this.inService = 0;
    this.segments = isRecording ? [] : null;
    this.series = isRecording ? [] : null;
    this.opened = new Map();
    this.requests = new Map();
    this.isWayBack = false;
    this.outcome = null;
    this.held = null;
    this.resetSteps();
    for (const one of rollout.instances) this.add(one);
  }

  resetSteps() {
    this.step = 0;
    this.done = new Map();
    this.gates = new Map();
    this.awaited = null;
  }

  add(one) {
    const phase = { upgrade: "pending", skipped: "skipped" }[one.disposition] || "current";
    this.instances.set(one.instanceId, { ...one, phase, serves: one.inService });
    this.total += 1;
    this.inService += one.inService ? 1 : 0;
  }

  /** Return the state to draw: the phase, but for those that are out of service by themselves. */
  stateOf(id) {
    const { phase, serves } = this.instances.get(id);
    return !serves && ["pending", "ready", "skipped", "current"].includes(phase) ? "unhealthy" : phase;
  }

  apply(event) {
    const at = Date.parse(event.at);
    this.startedAt ??= at;
    this.at = at;
    this.applied(event, at);
    if (this.series && this.series.at(-1)?.[1] !== this.inService) this.series.push([at, this.inService]);
  }

  applied(event, at) {
    switch (event.type) {
      case "StepStarted":
        this.step = event.step;
        break;
      case "StepCompleted":
        this.done.set(event.step, event.note || "");
        if (this.awaited === event.step) this.awaited = null;
        break;
      case "UpgradeIntended":
        this.requests.set(event.request, event.instanceIds);
        for (const id of event.instanceIds) this.set(id, "operating", false, at);
        break;
      case "RequestDeferred":
      case "RequestRefused":
        for (const id of this.requests.get(event.request) || []) this.back(id, at);
        break;
      case "InstanceNotStarted": this.back(event.instanceId, at); break;
      case "InstanceUpgraded": this.set(event.instanceId, "awaiting", false, at); break;
      case "InstanceBecameHealthy": this.set(event.instanceId, null, true, at); break;
      case "InstanceBecameUnhealthy": this.set(event.instanceId, null, false, at); break;
      case "InstanceReady": this.set(event.instanceId, "ready", true, at); break;
      case "InstanceFailed": this.set(event.instanceId, "failed", false, at); break;
      case "InstanceSkipped": this.back(event.instanceId, at, "skipped"); break;
      case "InstanceAppeared":
        if (!this.instances.has(event.instance.instanceId)) this.add({ ...event.instance, disposition: event.isCurrent ? "current" : "skipped" });
        break;
      case "GateMeasured":
      case "HookEnded":
        this.gates.set(event.step, { verdict: event.verdict, detail: event.detail });
        break;
      case "ApprovalAwaited": this.awaited = event.step; break;
      case "ApprovalGiven":
        this.gates.set(event.step, { verdict: "approved", detail: `by ${event.by}` });
        this.awaited = null;
        break;
      case "ApprovalRefused":
        this.gates.set(event.step, { verdict: "rejected", detail: `by ${event.by}${event.reason ? `: ${event.reason}` : ""}` });
        this.awaited = null;
        break;
      case "RunHeld": this.held = event; break;
      case "RunContinued": this.held = null; break;
      case "RunResumed": this.outcome = null; break;
      case "RollbackStarted": this.turnRound(event, at); break;
      case "RunHalted": this.end({ text: event.reason, exitCode: event.exitCode, isDone: false }, at); break;
      case "RunCompleted": this.end({ text: "complete", exitCode: 0, isDone: true }, at); break;
      default: break;
    }
  }

  set(id, phase, serves, at) {
    const one = this.instances.get(id);
    if (!one) return;
    if (one.serves !== serves) {
      this.inService += serves ? 1 : -1;
      one.serves = serves;
    }
    if (phase && phase !== one.phase) {
      this.close(id, at);
      one.phase = phase;
      if (["operating", "awaiting"].includes(phase)) this.opened.set(id, [phase, at]);
      if (this.segments && ["ready", "failed"].includes(phase)) this.opened.set(id, [phase, at]);
    }
  }

  /** A request that did nothing: the instance is as it was before it. */
  back(id, at, phase = "pending") {
    const one = this.instances.get(id);
    if (one) this.set(id, phase, one.phase === "operating" ? one.inService : one.serves, at);
  }

  close(id, at) {
    const open = this.opened.get(id);
    if (!open) return;
    this.opened.delete(id);
    if (this.segments) this.segments.push({ id, phase: open[0], from: open[1], to: at });
  }

  turnRound(event, at) {
    this.isWayBack = true;
    this.resetSteps();
    this.steps = this.rollout.rollback ? this.rollout.rollback.steps : [];
    for (const one of event.added || []) if (!this.instances.has(one.instanceId)) this.add(one);
    for (const id of event.instanceIds) {
      const one = this.instances.get(id);
      if (one) this.set(id, "pending", one.serves, at);
    }
  }

  end(outcome, at) {
    this.outcome = outcome;
    if (this.segments) for (const id of [...this.opened.keys()]) this.closeAndKeep(id, at);
  }

  closeAndKeep(id, at) {
    const phase = this.opened.get(id)[0];
    this.close(id, at);
    this.opened.set(id, [phase, at]);
  }

  /** Return all segments, those that are still open ending at the last event. */
  get allSegments() {
    const open = [...this.opened].map(([id, [phase, from]]) => ({ id, phase, from, to: this.at }));
    return [...this.segments, ...open];
  }
}

/** Return the Course after the first `count` events. */
export function courseAfter(rollout, events, count) {
  const course = new Course(rollout);
  for (let index = 0; index < count; index += 1) course.apply(events[index]);
  return course;
}

/** Return the title of a step. */
export function stepTitle(step) {
  switch (step.type) {
    case "SetModel": {
      if (step.skipReason) return `Set the model: ${step.skipReason}`;
      const changes = step.changes.map(({ path, before, after }) => `${path.replace(/^model\./, "")} ${plain(before)} → ${plain(after)}`);
      return `Set the model: ${changes.join(", ")}`;
    }
    case "UpgradeBatch": return `Batch ${step.batch}${step.label ? `, ${step.label}` : ""}: ${idsText(step.instanceIds)}`;
    case "UpgradeWindow": return `Sliding window of ${step.window}: ${idsText(step.instanceIds)}`;
    case "AwaitHealth": return `Await health of batch ${step.batch}`;
    case "Pause": return `Pause ${durationText(step.duration)}`;
    case "Approval": return `Approval: ${step.message || "go on?"}`;
    case "Check": return `Check ${probeText(step.probe)}`;
    case "RunHook": return `Run ${probeText(step.command)} ${step.time === "beforeBatch" ? "before" : "after"} batch ${step.batch}`;
    case "PinAutoscale": return "Hold autoscale at the instance count";
    case "RestoreAutoscale": return "Give autoscale its bounds back";
    default: return step.type;
  }
}

function plain(value) {
  return value === null || value === undefined ? "none" : imageText(value);
}

function idsText(ids) {
  return ids.length <= 12 ? ids.join(", ") : `${ids.length} instances (${ids.slice(0, 4).join(", ")}, …)`;
}

function probeText(probe) {
  if (!probe) return "";
  return probe.url || (probe.run || probe.command || []).join(" ") || probe.type || "";
}
