"""What makes it a Lambda: settings, wiring, event to request, exception to status, identity, logs."""
