"""The server of the page, asked over real sockets, as a browser and as somebody else would."""
