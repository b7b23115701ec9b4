"""Redis, where there is one: wake-ups, pushed events, who is here, mirrored limits. Speed, and never the only copy.

Nothing here raises because Redis is away, slow, empty or new again; callers are told "not now" and go on without it.
The client's package is imported in this room alone, and only where an address of a Redis is set.
"""
