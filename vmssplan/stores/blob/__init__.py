"""Runs in an Azure Blob container, for a team: every member and every pipeline sees the same.

    <prefix>runs/<run>/rollout.json     what was approved
    <prefix>runs/<run>/journal.jsonl    an append blob; its metadata name the one who may write it
    <prefix>runs/<run>/instructions/    what others told it, one blob each, named by time and key
    <prefix>locks/<scale set>.json      leased while held: who holds it, and the how manieth that is

Two things keep two holders apart. The lease on the lock says who may go on; it ends by itself
when a holder is gone. And because a holder may be asleep when its lease ends, everybody who opens
a journal first writes the epoch of their lock into its metadata: that changes its ETag, and an
append goes through only with the ETag of one's own last write.
"""
