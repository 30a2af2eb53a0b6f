"""Pages about specs, for a site: a page each, a gallery, a comparison. Made from checked graphs; no torch."""
