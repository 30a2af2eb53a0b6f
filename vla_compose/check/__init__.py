"""Type inference over a spec: what flows along every edge, and what every step registers."""
