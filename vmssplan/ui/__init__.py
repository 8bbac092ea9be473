"""The web page: what there is and what happens, over HTTP on this machine.

`application` answers, `server` gives it a socket, `access` decides who may ask. What is shown is
read through the ports and told by `report`; whatever changes anything is carried out by a process
of its own, which is the command line, so that a page that is closed stops nothing. The page itself
is in `static/`: plain files, without a build step, nothing from other hosts.
"""
