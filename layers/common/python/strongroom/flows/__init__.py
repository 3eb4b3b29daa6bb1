"""One file per journey: gather, decide, apply. No SDK, no AWS."""
