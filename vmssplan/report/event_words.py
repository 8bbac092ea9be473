"""What the keys and types of the stream of Events mean, for its JSON Schema.

A key means the same wherever it stands, unless it is told for one Event: `Event.field`.
"""

from __future__ import annotations

TYPES = {
    "budget": "Nothing more may start for now, or it may again.",
    "cancelling": "The Run was asked to stop.",
    "deferred": "A request is put off.",
    "halted": "The Run stopped before its end.",
    "instance_state": "Something became of an instance.",
    "request": "A request was made, taken, refused, lost, or its operation ended.",
    "resumed": "The Run goes on.",
    "run_complete": "Every step is done.",
    "run_start": "The Run began.",
    "step_complete": "A step ended.",
    "step_start": "A step began.",
}

FIELDS = {
    "at": "When it happened, with its offset from UTC.",
    "batch": "Number of the batch, from 1.",
    "blind_since": "Since when nothing can be seen; null when a write was put off.",
    "code": "Azure's error code, or vmssplan's own word for it; empty where there is none.",
    "detail": "What was seen.",
    "digest": "Digest of the Rollout.",
    "etag": "The etag the model had when it was last read.",
    "exit_code": "The exit code that tells machines why.",
    "floor": "How many instances must be in service.",
    "in_service": "How many instances are in service.",
    "instance_id": "Id of the instance.",
    "instance_ids": "Ids of the instances.",
    "message": "The text that goes with the code; empty where there is none.",
    "method": "How the instances are brought to the model.",
    "note": "Why it did nothing; empty when it did something.",
    "operation": "Azure's id of the operation; empty where it gave none.",
    "phase": "Where it failed.",
    "reason": "Why, for people.",
    "request": "Number of the request, counted over the whole Run.",
    "run": "Id of the Run.",
    "status": "Azure's word for how it ended; empty when looking settled it.",
    "step": "Number of the step, from 1.",
    "until": "Not before then.",
    "RequestDeferred.reason": "Why it is put off.",
    "RequestDeferred.request": "Number of the request that is taken back by this; null for none.",
    "Recap.ok": "Runs what is wanted: was current, or is upgraded and proven healthy.",
    "Recap.upgraded": "The part of ok that this Run upgraded.",
    "Recap.skipped": "Left alone, with a reason.",
    "Recap.failed": "The operation failed on it, or it was not healthy in time.",
    "Recap.pending": "Everything else.",
}
