raise RuntimeError("a replay never runs env.py")
