"""The public status page: what Alertmanager tells of, published as components and one incident."""
