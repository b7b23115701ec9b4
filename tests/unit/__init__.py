"""Is the decision right? Values in, values out; nothing is faked because nothing is called."""
