"""The server a replay talks to, and the stage it runs on; `history.replay` is the way in."""
