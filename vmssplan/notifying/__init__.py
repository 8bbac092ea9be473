"""Tells others of a Run: webhooks when it starts, waits for an approval, halts, ends or goes back.

It only looks on, beside the Run: what it sends waits in a queue of its own thread, and nothing
that goes wrong there reaches the Run. Addresses and secrets are kept where the document of the
channels says, never in it, and are never written anywhere.
"""

from vmssplan.notifying.delivering import Delivery, Undelivered
from vmssplan.notifying.loading import load_notifications, read_notifications
from vmssplan.notifying.noticing import notice_of
from vmssplan.notifying.posting import HttpCourier
from vmssplan.notifying.values import Answer, Channel, Courier, Kind, Notification, Shape
from vmssplan.notifying.watcher import Notifier, notifying

__all__ = [
    "Answer",
    "Channel",
    "Courier",
    "Delivery",
    "HttpCourier",
    "Kind",
    "Notification",
    "Notifier",
    "Shape",
    "Undelivered",
    "load_notifications",
    "notice_of",
    "notifying",
    "read_notifications",
]
